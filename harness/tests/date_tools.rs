//! The date tool beside the released one, where that is installed.

use std::process::{Command, Output};

fn run(program: &str, args: &[&str]) -> Option<Output> {
    let mut command = Command::new(program);
    if program != "iso8601" {
        command.arg("iso8601");
    }
    command.args(args).env("TZ", "UTC").env("LC_ALL", "C").output().ok()
}

/// A small generator: the cases are the same in every run.
struct Draw(u64);

impl Draw {
    fn up_to(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn date(&mut self) -> String {
        let year = 1000 + self.up_to(8900);
        let day = match self.up_to(4) {
            0 => format!("{year}-{:02}-{:02}", 1 + self.up_to(13), 1 + self.up_to(31)),
            1 => format!("{year}{:02}{:02}", 1 + self.up_to(12), 1 + self.up_to(31)),
            2 => format!("{year}-{:03}", 1 + self.up_to(367)),
            _ => format!("{year}-W{:02}-{}", 1 + self.up_to(53), self.up_to(9)),
        };
        let time = match self.up_to(4) {
            0 => String::new(),
            1 => format!(" {:02}:{:02}:{:02}", self.up_to(25), self.up_to(61), self.up_to(60)),
            2 => format!("T{:02}{:02}Z", self.up_to(24), self.up_to(60)),
            _ => format!(" {}:{:02}:{:02} +{:02}:30", self.up_to(24), self.up_to(60), self.up_to(60), self.up_to(14)),
        };
        day + &time
    }

    /// Never all zeros: the release at hand takes them, the newer one does not.
    fn duration(&mut self) -> String {
        format!(
            "P{}Y{}M{}W{}DT{}H{}M1S",
            self.up_to(30),
            self.up_to(30),
            self.up_to(9),
            self.up_to(50),
            self.up_to(60),
            self.up_to(99)
        )
    }
}

#[test]
fn dates_durations_and_sums_are_those_of_the_released_program() {
    if run("iso8601", &["--version"]).is_none() {
        println!("skipped: iso8601 is not installed");
        return;
    }
    let own = env!("CARGO_BIN_EXE_metronome");
    let mut draw = Draw(7);
    let shapes = ["", "-L", "-O", "-W", "-s", "-S"];
    for _ in 0..120 {
        let (date, duration) = (draw.date(), draw.duration());
        let shape = shapes[usize::try_from(draw.up_to(6)).expect("a small number")];
        let mut args = vec!["-d", date.as_str()];
        if draw.up_to(2) == 0 {
            args.extend(["-D", duration.as_str()]);
        }
        args.extend((!shape.is_empty()).then_some(shape));
        let (theirs, ours) = (run("iso8601", &args).expect("it ran"), run(own, &args).expect("it ran"));
        let text = |output: &Output| {
            let stream = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            (stream(&output.stdout), stream(&output.stderr), output.status.code())
        };
        assert_eq!(text(&ours), text(&theirs), "{args:?}");
    }
}
