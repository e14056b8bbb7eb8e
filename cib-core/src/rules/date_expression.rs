//! Evaluation of `date_expression`, `duration` and `date_spec` [IN-6.3, IN-6.4].

use super::context::{Context, Evaluation};
use super::date::DateTime;
use super::value::{is_c_space, parse_integer};
use crate::xml::{Document, NodeIx};

/// Where "now" stands to a date expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DateVerdict {
    /// Inside the range; passes.
    InRange,
    /// The date specification matches; passes.
    Satisfied,
    /// Before the range.
    Before,
    /// After the range.
    After,
    /// The expression cannot be evaluated, and why.
    Malformed(String),
}

/// Evaluates one `date_expression`, keeping its next change.
pub(super) fn evaluate(
    doc: &Document,
    node: NodeIx,
    context: &Context<'_>,
    evaluation: &mut Evaluation,
) -> DateVerdict {
    verdict(doc, node, context, evaluation).unwrap_or_else(DateVerdict::Malformed)
}

fn verdict(
    doc: &Document,
    node: NodeIx,
    context: &Context<'_>,
    evaluation: &mut Evaluation,
) -> Result<DateVerdict, String> {
    if doc.id(node).is_none() {
        return Err("it has no 'id'".to_owned());
    }
    let now = &context.now;
    let date = |name: &str| {
        let text = doc.attr(node, name);
        text.map(|text| DateTime::parse(text, &context.local).map_err(|_| format!("'{text}' is not a valid '{name}'")))
            .transpose()
    };
    let operation = doc.attr(node, "operation").unwrap_or("in_range");
    match operation.to_ascii_lowercase().as_str() {
        "gt" => {
            let start = date("start")?.ok_or("'gt' requires 'start'")?;
            if *now > start {
                return Ok(DateVerdict::InRange);
            }
            evaluation.may_change_at(now, start.add_seconds(1));
            Ok(DateVerdict::Before)
        }
        "lt" => {
            let end = date("end")?.ok_or("'lt' requires 'end'")?;
            if *now >= end {
                return Ok(DateVerdict::After);
            }
            evaluation.may_change_at(now, end);
            Ok(DateVerdict::InRange)
        }
        "in_range" => {
            let (start, mut end) = (date("start")?, date("end")?);
            if let (None, Some(start), Some(duration)) = (end, start, doc.child(node, "duration")) {
                end = Some(add_duration(doc, duration, start)?);
            }
            in_range(now, start, end, evaluation)
        }
        "date_spec" => {
            let spec = doc.child(node, "date_spec").ok_or("it has no 'date_spec'")?;
            date_spec(doc, spec, now)
        }
        _ => Err(format!("'{operation}' is not a valid 'operation'")),
    }
}

/// Both limits are inclusive.
fn in_range(
    now: &DateTime,
    start: Option<DateTime>,
    end: Option<DateTime>,
    evaluation: &mut Evaluation,
) -> Result<DateVerdict, String> {
    if start.is_none() && end.is_none() {
        return Err("'in_range' requires at least one of 'start' or 'end'".to_owned());
    }
    if let Some(start) = start.filter(|start| now < start) {
        evaluation.may_change_at(now, start);
        return Ok(DateVerdict::Before);
    }
    if let Some(end) = end {
        if *now > end {
            return Ok(DateVerdict::After);
        }
        evaluation.may_change_at(now, end.add_seconds(1));
    }
    Ok(DateVerdict::InRange)
}

/// `start` plus the attributes of a `duration`, largest unit first.
fn add_duration(doc: &Document, node: NodeIx, start: DateTime) -> Result<DateTime, String> {
    if doc.id(node).is_none() {
        return Err("its 'duration' has no 'id'".to_owned());
    }
    type Add = fn(DateTime, i64) -> DateTime;
    let units: [(&str, Add); 7] = [
        ("years", DateTime::add_years),
        ("months", DateTime::add_months),
        ("weeks", |date, weeks| date.add_days(weeks * 7)),
        ("days", DateTime::add_days),
        ("hours", |date, hours| date.add_seconds(hours * 3600)),
        ("minutes", |date, minutes| date.add_seconds(minutes * 60)),
        ("seconds", DateTime::add_seconds),
    ];
    units.into_iter().try_fold(start, |date, (name, add)| {
        let Some(text) = doc.attr(node, name) else { return Ok(date) };
        let amount = parse_integer(text).filter(|amount| i32::try_from(*amount).is_ok());
        amount.map(|amount| add(date, amount)).ok_or_else(|| format!("'{text}' is not a valid number of {name}"))
    })
}

/// The first range that does not hold decides.
fn date_spec(doc: &Document, node: NodeIx, now: &DateTime) -> Result<DateVerdict, String> {
    if doc.id(node).is_none() {
        return Err("its 'date_spec' has no 'id'".to_owned());
    }
    let (month, day) = now.month_and_day();
    let (hour, minute, second) = now.hour_minute_second();
    let (week_year, week, weekday) = now.iso_week();
    let fields: [(&str, i64); 10] = [
        ("years", now.year().into()),
        ("months", month),
        ("monthdays", day),
        ("hours", hour.into()),
        ("minutes", minute.into()),
        ("seconds", second.into()),
        ("yeardays", now.ordinal().into()),
        ("weekyears", week_year),
        ("weeks", week),
        ("weekdays", weekday),
    ];
    for (name, value) in fields {
        let Some(text) = doc.attr(node, name) else { continue };
        let (low, high) = parse_range(text).ok_or_else(|| format!("'{text}' is not a valid range of {name}"))?;
        if low.is_some_and(|low| value < low) {
            return Ok(DateVerdict::Before);
        }
        if high.is_some_and(|high| value > high) {
            return Ok(DateVerdict::After);
        }
    }
    Ok(DateVerdict::Satisfied)
}

/// `N`, `N-M`, `N-` or `-M`, both ends inclusive [IN-3.8].
fn parse_range(text: &str) -> Option<(Option<i64>, Option<i64>)> {
    let number = |text: &str| -> Option<i64> {
        let digits = text.trim_start_matches(is_c_space);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) { None } else { digits.parse().ok() }
    };
    match text.split_once('-') {
        None => number(text).map(|value| (Some(value), Some(value))),
        Some(("", "")) => None,
        Some(("", high)) => Some((None, Some(number(high)?))),
        Some((low, "")) => Some((Some(number(low)?), None)),
        Some((low, high)) => Some((Some(number(low)?), Some(number(high)?))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert_eq!(parse_range("5"), Some((Some(5), Some(5))));
        assert_eq!(parse_range(" 5- 7"), Some((Some(5), Some(7))));
        assert_eq!(parse_range("5-"), Some((Some(5), None)));
        assert_eq!(parse_range("-5"), Some((None, Some(5))));
        for bad in ["", "-", "5 ", "5 -7", "5-7x", "--5", "a"] {
            assert_eq!(parse_range(bad), None, "{bad}");
        }
    }
}
