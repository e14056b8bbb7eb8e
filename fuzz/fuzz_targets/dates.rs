//! Dates, durations, periods, intervals, scores, rules: nothing panics or overflows, and what is printed can be read.
#![no_main]

use cib_core::rules::{
    Context, DateStyle, DateTime, Evaluation, IsoDuration, Period, Rules, Score, compare_names, compare_versions,
    parse_interval, parse_milliseconds, parse_number,
};
use cib_core::xml::Document;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let local = DateTime::from_epoch(1_700_000_000, 3600);
    let (first, second) = text.split_once('\n').unwrap_or((text, ""));
    if let Ok(date) = DateTime::parse(first, &local) {
        for style in [DateStyle::Calendar, DateStyle::Ordinal, DateStyle::Week] {
            let shown = date.format(style, true);
            let year = date.iso_week().0;
            // Second 86400 and week years outside 1 to 9999 are not read back as they were.
            if !shown.contains("24:00:00") && (1..=9999).contains(&year) {
                let read = DateTime::parse(&shown, &local).expect("what was printed can be read");
                // An offset is printed without its seconds, as the released program does.
                let lost = i64::from(date.offset() % 60);
                assert_eq!(read.epoch_seconds(), date.epoch_seconds() + lost);
            }
        }
        if let Ok(duration) = IsoDuration::parse(second) {
            let _ = duration.after(date).to_string();
            let _ = duration.before(date).to_string();
            let _ = duration.seconds_approximately();
        }
    }
    let _ = Period::parse(first, &local);
    let _ = (parse_interval(first), parse_milliseconds(first), parse_number(first), first.parse::<Score>());
    assert_eq!(compare_names(first, second), compare_names(second, first).reverse());
    assert_eq!(compare_versions(first, second), compare_versions(second, first).reverse());
    if let Ok(doc) = Document::parse(text) {
        let _ = Rules::new(&doc).evaluate(doc.root(), &Context::at(local), &mut Evaluation::default());
    }
});
