//! `iso8601`: parse and show dates, durations and intervals.

use std::process::ExitCode;

use cib_core::rules::{DateStyle, DateTime, IsoDuration, Period};

use super::clock::local_now;
use super::options::{CommandLine, Opt};
use super::reply::Reply;

const HELP: &str = "\
Usage:
  iso8601 [OPTION?]

Display and parse ISO 8601 dates and times

Commands:
  -n, --now                   Display the current date/time
  -d, --date=DATE             Parse an ISO 8601 date/time (for example,
                              '2019-09-24 00:30:00 +01:00' or '2019-040')
  -p, --period=PERIOD         Parse an ISO 8601 period (interval) with start time (for example,
                              '2005-040/2005-043')
  -D, --duration=DURATION     Parse an ISO 8601 duration (for example, 'P1M')
  -E, --expected=TEXT         Exit with error status if result does not match this text.
                              Requires: -n or -d

Output modifiers:
  -s, --seconds               Show result as a seconds since 0000-001 00:00:00Z
  -S, --epoch                 Show result as a seconds since EPOCH (1970-001 00:00:00Z)
  -L, --local                 Show result as a 'local' date/time
  -O, --ordinal               Show result as an 'ordinal' date/time
  -W, --week                  Show result as an 'calendar week' date/time

Application Options:
  -h, --help                  Show help options
  -$, --version               Display software version and exit
  -V, --verbose               Increase debug output (may be specified multiple times)
";

const fn opt(short: char, long: &'static str, value: bool) -> Opt {
    Opt { short, long, value }
}

const OPTIONS: [Opt; 15] = [
    opt('n', "now", false),
    opt('d', "date", true),
    opt('p', "period", true),
    opt('D', "duration", true),
    opt('E', "expected", true),
    opt('s', "seconds", false),
    opt('S', "epoch", false),
    opt('L', "local", false),
    opt('O', "ordinal", false),
    opt('W', "week", false),
    opt('V', "verbose", false),
    opt('$', "version", false),
    opt('h', "help", false),
    opt('?', "help-all", false),
    opt('Q', "quiet", false),
];

/// `iso8601`: parse and show dates, durations and intervals.
pub fn iso8601(args: &[String]) -> ExitCode {
    reply(args, &local_now()).print()
}

/// How points in time are shown.
#[derive(Clone, Copy)]
struct Shape {
    seconds: bool,
    epoch: bool,
    local: bool,
    style: DateStyle,
}

impl Shape {
    fn of(line: &CommandLine) -> Shape {
        let style = match (line.has('W'), line.has('O')) {
            (true, _) => DateStyle::Week,
            (false, true) => DateStyle::Ordinal,
            (false, false) => DateStyle::Calendar,
        };
        Shape { seconds: line.has('s'), epoch: line.has('S'), local: line.has('L'), style }
    }

    fn show(self, date: &DateTime) -> String {
        if self.seconds {
            date.seconds_since_year_one().to_string()
        } else if self.epoch {
            date.epoch_seconds().to_string()
        } else {
            date.format(self.style, self.local)
        }
    }
}

/// What the arguments ask for.
fn reply(args: &[String], now: &DateTime) -> Reply {
    let line = match CommandLine::parse(args, &OPTIONS) {
        Ok(line) => line,
        Err(message) => return Reply::failed("iso8601", &message, 64),
    };
    if line.has('h') || line.has('?') {
        return Reply { out: HELP.to_owned(), ..Reply::default() };
    }
    if line.has('$') {
        return Reply { out: format!("Metronome {}\n", env!("CARGO_PKG_VERSION")), ..Reply::default() };
    }
    let mut reply = Reply::default();
    if let Err(message) = results(&line, now, &mut reply) {
        // What was read before the error is shown all the same.
        reply.err = format!("iso8601: {message}\n");
        reply.code = 2;
    }
    reply
}

fn results(line: &CommandLine, now: &DateTime, reply: &mut Reply) -> Result<(), String> {
    let shape = Shape::of(line);
    let mut print = |label: &str, text: &str| reply.out.push_str(&format!("{label}: {text}\n"));
    // Of `-n` and `-d` the last one counts.
    let mut date = None;
    if let Some(given) = line.options.iter().rev().find(|given| matches!(given.short, 'n' | 'd')) {
        let (label, found) = if given.short == 'n' {
            ("Current date/time", *now)
        } else {
            let text = &given.value;
            ("Date", DateTime::parse(text, now).map_err(|_| format!("Invalid date/time specified: {text}"))?)
        };
        print(label, &shape.show(&found));
        date = Some(found);
    }
    let mut duration = None;
    if let Some(text) = line.last('D') {
        let found = IsoDuration::parse(text).map_err(|_| format!("Invalid duration specified: {text}"))?;
        print("Duration", &duration_text(&found));
        duration = Some(found);
    }
    if let Some(text) = line.last('p') {
        let period = Period::parse(text, now).map_err(|_| format!("Invalid interval specified: {text}"))?;
        print("Period", &format!("{} to {}", shape.show(&period.start), shape.show(&period.end)));
    }
    let mut result = date.map(|date| shape.show(&date));
    if let (Some(date), Some(duration)) = (date, duration) {
        // The end is always shown at the date's own offset.
        let end = Shape { local: true, ..shape }.show(&duration.after(date));
        print("Duration ends at", &end);
        result = Some(end);
    }
    if let (Some(expected), Some(result)) = (line.last('E'), result) {
        reply.code = u8::from(expected != result);
    }
    Ok(())
}

/// A duration in words, as the released program spaces it.
fn duration_text(duration: &IsoDuration) -> String {
    let plural = |amount: i64, unit: &str| format!("{unit}{}", if amount == 1 { "" } else { "s" });
    let mut text = String::new();
    if duration.years != 0 {
        text.push_str(&format!("{:4} {} ", duration.years, plural(duration.years, "year")));
    }
    if duration.months != 0 {
        text.push_str(&format!("{:2} {} ", duration.months, plural(duration.months, "month")));
    }
    if duration.days != 0 {
        text.push_str(&format!("{:2} {} ", duration.days, plural(duration.days, "day")));
    }
    let seconds = duration.seconds;
    if seconds == 0 {
        return text;
    }
    text.push_str(&format!("{seconds} {}", plural(seconds, "second")));
    let total = seconds.unsigned_abs();
    if total >= 60 {
        let parts = [(total / 3600, "hour"), (total / 60 % 60, "minute"), (total % 60, "second")];
        let words = parts.iter().filter(|(amount, _)| *amount != 0);
        let words = words.map(|(amount, unit)| format!("{amount} {}", plural(i64::from(*amount != 1) + 1, unit)));
        text.push_str(&format!(" ({})", words.collect::<Vec<_>>().join(" ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(args: &[&str]) -> (String, String, u8) {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let reply = reply(&args, &DateTime::from_epoch(1_000_000_000, 3600));
        (reply.out, reply.err, reply.code)
    }

    fn out(args: &[&str]) -> String {
        run(args).0
    }

    #[test]
    fn dates_in_all_shapes() {
        let date = "2005-01-02 15:30:10 +01:30";
        assert_eq!(out(&["-d", date]), "Date: 2005-01-02 14:00:10Z\n");
        assert_eq!(out(&["-L", "-d", date]), "Date: 2005-01-02 15:30:10 +01:30\n");
        assert_eq!(out(&["-LO", "-d", date]), "Date: 2005-002 15:30:10 +01:30\n");
        assert_eq!(out(&["-W", "-d", date]), "Date: 2004-W53-7 14:00:10Z\n");
        assert_eq!(out(&["-s", "-d", date]), "Date: 63240271210\n");
        assert_eq!(out(&["-S", "-d", date]), "Date: 1104674410\n");
        assert_eq!(out(&["-n"]), "Current date/time: 2001-09-09 01:46:40Z\n");
        assert_eq!(out(&["-d", date, "-n"]), "Current date/time: 2001-09-09 01:46:40Z\n");
    }

    #[test]
    fn durations_and_periods() {
        let text = "Duration:    1 year  2 months  3 days 14706 seconds (4 hours 5 minutes 6 seconds)\n";
        assert_eq!(out(&["-D", "P1Y2M3DT4H5M6S"]), text);
        assert_eq!(out(&["-D", "PT-61S"]), "Duration: -61 seconds (1 minute 1 second)\n");
        assert_eq!(out(&["-D", "PT1S"]), "Duration: 1 second\n");
        assert_eq!(out(&["-D", "P1D"]), "Duration:  1 day \n");
        let all = "Date: 2005-01-31 08:00:00Z\nDuration:  1 month \nDuration ends at: 2005-02-28 10:00:00 +02:00\n";
        assert_eq!(out(&["-d", "2005-01-31 10:00 +02:00", "-D", "P1M"]), all);
        assert_eq!(out(&["-p", "2005-01-01/P1D", "-S"]), "Period: 1104537600 to 1104624000\n");
    }

    #[test]
    fn expectations_and_errors() {
        assert_eq!(run(&["-d", "2005-01-01", "-E", "2005-01-01 00:00:00Z"]).2, 0);
        assert_eq!(run(&["-d", "2005-01-01", "-E", "2005-01-02 00:00:00Z"]).2, 1);
        assert_eq!(run(&["-d", "2005-01-01", "-D", "P1D", "-E", "2005-01-02 00:00:00Z"]).2, 0);
        assert_eq!(run(&["-d", "x"]), (String::new(), "iso8601: Invalid date/time specified: x\n".to_owned(), 2));
        assert_eq!(run(&["-D", "x"]).1, "iso8601: Invalid duration specified: x\n");
        assert_eq!(run(&["-p", "x"]).1, "iso8601: Invalid interval specified: x\n");
        assert_eq!(run(&["--bogus"]), (String::new(), "iso8601: Unknown option --bogus\n".to_owned(), 64));
        assert_eq!(run(&[]), (String::new(), String::new(), 0));
    }
}
