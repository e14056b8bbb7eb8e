//! The proleptic Gregorian calendar: leap years, lengths of months, day numbers, ISO weeks.

/// Whether `year` has 366 days.
pub(crate) const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days in `year`.
pub(crate) const fn year_length(year: i64) -> i64 {
    if is_leap(year) { 366 } else { 365 }
}

/// Days in month 1 to 12 of `year`; 0 for another month.
pub(crate) const fn month_length(year: i64, month: i64) -> i64 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 0,
    }
}

/// The day of the year (from 1) of a day of a month.
pub(crate) fn ordinal(year: i64, month: i64, day: i64) -> i64 {
    (1..month).map(|m| month_length(year, m)).sum::<i64>() + day
}

/// Month (from 1) and day of the month (from 1) of a day of the year. A day beyond the year's end is taken as its last.
pub(crate) fn month_and_day(year: i64, ordinal: i64) -> (i64, i64) {
    let mut day = ordinal.clamp(1, year_length(year));
    for month in 1..12 {
        let length = month_length(year, month);
        if day <= length {
            return (month, day);
        }
        day -= length;
    }
    (12, day)
}

/// Days from 0001-01-01 to the first day of `year`.
pub(crate) const fn days_before_year(year: i64) -> i64 {
    let past = year - 1;
    past * 365 + past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400)
}

/// Year and day of the year of the day that is `number` days after 0001-01-01.
pub(crate) const fn year_and_ordinal(number: i64) -> (i64, i64) {
    let mut year = number.div_euclid(146_097) * 400 + number.rem_euclid(146_097) / 366 + 1;
    while days_before_year(year + 1) <= number {
        year += 1;
    }
    (year, number - days_before_year(year) + 1)
}

/// ISO week day of a day of the year: Monday is 1, Sunday 7.
pub(crate) const fn weekday(year: i64, ordinal: i64) -> i64 {
    // 0001-01-01 was a Monday.
    (days_before_year(year) + ordinal - 1).rem_euclid(7) + 1
}

/// Weeks in the ISO year `year`: 52 or 53.
pub(crate) const fn weeks_in_year(year: i64) -> i64 {
    let first = weekday(year, 1);
    if first == 4 || (first == 3 && is_leap(year)) { 53 } else { 52 }
}

/// ISO year, week and week day of a day of the year.
pub(crate) const fn iso_week(year: i64, ordinal: i64) -> (i64, i64, i64) {
    let day = weekday(year, ordinal);
    let week = (ordinal - day + 10).div_euclid(7);
    if week < 1 {
        (year - 1, weeks_in_year(year - 1), day)
    } else if week > weeks_in_year(year) {
        (year + 1, 1, day)
    } else {
        (year, week, day)
    }
}

/// Day number (days after 0001-01-01) of an ISO week date.
pub(crate) const fn day_of_iso_week(year: i64, week: i64, day: i64) -> i64 {
    let first = weekday(year, 1);
    // Week 1 holds the year's first Thursday.
    let monday = if first <= 4 { 1 - first } else { 8 - first };
    days_before_year(year) + monday + (week - 1) * 7 + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn day_numbers_go_both_ways() {
        for number in (-800_000..4_000_000).step_by(97) {
            let (year, day) = year_and_ordinal(number);
            assert!((1..=year_length(year)).contains(&day));
            assert_eq!(days_before_year(year) + day - 1, number);
            let (month, of_month) = month_and_day(year, day);
            assert_eq!(ordinal(year, month, of_month), day);
        }
    }

    #[test]
    fn iso_weeks_go_both_ways() {
        for number in 0..800_000 {
            let (year, day) = year_and_ordinal(number);
            let (iso_year, week, weekday) = iso_week(year, day);
            assert_eq!(day_of_iso_week(iso_year, week, weekday), number, "{year} {day} {iso_year} {week} {weekday}");
        }
    }
}
