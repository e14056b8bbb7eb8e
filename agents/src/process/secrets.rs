//! Parameters whose values stand in files of their own [RA-2.3].

use super::Places;
use crate::standard::{Answer, Call, ExecutionStatus, Exit, ExitStatus, Parameters, Standard};
use md5::{Digest, Md5};
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// The value that stands for a secret.
const SECRET: &str = "lrm://";
/// No secret is longer.
const LONGEST: u64 = 64 * 1024;

/// Puts the secrets of a call in their places. A stop goes on without those that cannot be had: what runs must be brought down.
///
/// The digest is over the value without its trailing white space, as `cibsecret` of the released programs checks it.
///
/// # Errors
/// How the operation ends if a secret cannot be had.
pub(super) fn fill(call: &mut Call, places: &Places) -> Result<(), Exit> {
    if !call.parameters.values().any(|value| value == SECRET) {
        return Ok(());
    }
    let mut filled: Parameters = (*call.parameters).clone();
    for (name, value) in filled.iter_mut().filter(|(_, value)| *value == SECRET) {
        match read(&places.secrets_dir, &call.resource, name) {
            Some(secret) => *value = secret,
            None if call.action == "stop" => {}
            None => {
                let init_status = matches!(call.agent.standard, Standard::Lsb | Standard::Service)
                    && matches!(call.action.as_str(), "monitor" | "status");
                let rc = if init_status { ExitStatus::CONFIGURED } else { ExitStatus::ARGS };
                let reason = "Unable to load CIB secrets";
                return Err(Exit::Answered(Answer::failed(rc, ExecutionStatus::Done, reason)));
            }
        }
    }
    call.parameters = filled.into();
    Ok(())
}

/// A secret, if it is there, is text, and has the digest that stands beside it.
fn read(dir: &Path, resource: &str, parameter: &str) -> Option<String> {
    let plain = |text: &str| !text.is_empty() && text != "." && text != ".." && !text.contains(['/', '\0']);
    if !plain(resource) || !plain(parameter) {
        return None;
    }
    let text = |name: &str| {
        let path = dir.join(resource).join(name);
        let fits = fs::metadata(&path).is_ok_and(|m| m.is_file() && m.len() <= LONGEST);
        let text = fits.then(|| fs::read_to_string(&path).ok()).flatten()?;
        Some(text.trim_end().to_owned())
    };
    let (value, sign) = (text(parameter)?, text(&format!("{parameter}.sign"))?);
    let digest = Md5::digest(&value).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    digest.eq_ignore_ascii_case(&sign).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standard::{AgentName, RunId};

    fn call(action: &str, agent: AgentName) -> Call {
        let parameters: Parameters = [("passwd", SECRET), ("ip", "10.0.0.1"), ("no", "lrm:///x")]
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .into();
        Call {
            run: RunId(1),
            resource: "d".into(),
            agent,
            action: action.into(),
            interval_ms: 0,
            timeout_ms: 0,
            parameters: parameters.into(),
        }
    }

    #[test]
    fn a_secret_needs_its_digest() {
        let dir = tempfile::TempDir::new().unwrap();
        let places = Places { secrets_dir: dir.path().to_owned(), ..Places::default() };
        let ocf = || AgentName::ocf("p", "A");
        let reason = |mut call: Call| match fill(&mut call, &places) {
            Ok(()) => Ok(call.parameters["passwd"].clone()),
            Err(Exit::Answered(answer)) => Err((answer.rc.0, answer.reason.unwrap())),
            Err(other) => panic!("{other:?}"),
        };
        let refused = Err((2, "Unable to load CIB secrets".to_owned()));
        assert_eq!(reason(call("start", ocf())), refused, "no file");
        fs::create_dir(dir.path().join("d")).unwrap();
        fs::write(dir.path().join("d/passwd"), "hunter2\n").unwrap();
        assert_eq!(reason(call("start", ocf())), refused, "no digest");
        // The digest of "hunter2".
        fs::write(dir.path().join("d/passwd.sign"), "2ab96390c7dbe3439de74d0c9b0b1767\n").unwrap();
        assert_eq!(reason(call("start", ocf())), Ok("hunter2".to_owned()));
        fs::write(dir.path().join("d/passwd"), "hunter3\n").unwrap();
        assert_eq!(reason(call("start", ocf())), refused, "another value");
        assert_eq!(reason(call("stop", ocf())), Ok(SECRET.to_owned()), "a stop goes on");
        let status = call("monitor", AgentName::plain(Standard::Lsb, "s"));
        assert_eq!(reason(status).unwrap_err().0, 6);
        let climbing = Call { resource: "../d".into(), ..call("start", ocf()) };
        assert_eq!(reason(climbing), refused);
    }
}
