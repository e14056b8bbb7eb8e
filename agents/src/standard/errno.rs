//! Results as error numbers, where a full result cannot be told [RA-6.5], [CT-9.15].

use super::{Answer, ExecutionStatus, ExitStatus};

const EACCES: i32 = 13;
const ENOENT: i32 = 2;
const ENODEV: i32 = 19;
const EINVAL: i32 = 22;
const ENODATA: i32 = 61;
const ETIME: i32 = 62;
const EPROTO: i32 = 71;
const EOPNOTSUPP: i32 = 95;
const ENOTCONN: i32 = 107;
const EHOSTUNREACH: i32 = 113;
const EINPROGRESS: i32 = 115;
const ECANCELED: i32 = 125;
/// The legacy number of an error that has no name.
const GENERIC: i32 = 201;

impl Answer {
    /// Done and 0.
    pub fn is_ok(&self) -> bool {
        self.status == ExecutionStatus::Done && self.rc == ExitStatus::OK
    }

    /// 0, or the negative error number that stands for this result of a fence agent.
    pub fn errno(&self) -> i32 {
        let number = match self.status {
            ExecutionStatus::Done if self.rc == ExitStatus::OK => 0,
            ExecutionStatus::Pending => EINPROGRESS,
            ExecutionStatus::Cancelled => ECANCELED,
            ExecutionStatus::Timeout => ETIME,
            ExecutionStatus::NotInstalled => ENOENT,
            ExecutionStatus::NotSupported => EOPNOTSUPP,
            ExecutionStatus::NotConnected => ENOTCONN,
            ExecutionStatus::NoFenceDevice => ENODEV,
            ExecutionStatus::NoSecrets => EACCES,
            ExecutionStatus::Invalid => match self.rc.0 {
                2 => EINVAL,
                4 => EACCES,
                76 => EPROTO,
                110 => EHOSTUNREACH,
                _ => self.by_output(),
            },
            ExecutionStatus::Done
            | ExecutionStatus::Error
            | ExecutionStatus::ErrorHard
            | ExecutionStatus::ErrorFatal => self.by_output(),
        };
        -number
    }

    /// What an agent wrote to its standard error tells some failures apart.
    fn by_output(&self) -> i32 {
        let text = self.output.to_ascii_lowercase();
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if text.is_empty() {
            ENODATA
        } else if says(&["timed out", "timeout"]) {
            ETIME
        } else if says(&["unrecognised action", "unrecognized action", "unsupported action"]) {
            EOPNOTSUPP
        } else {
            GENERIC
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_status_by_exit_code_and_by_output() {
        let with = |rc, status, output: &str| {
            Answer { rc: ExitStatus(rc), status, reason: None, output: output.to_owned() }.errno()
        };
        assert_eq!(with(0, ExecutionStatus::Done, "whatever"), 0);
        assert_eq!(with(0, ExecutionStatus::Pending, ""), -115);
        assert_eq!(with(1, ExecutionStatus::NoFenceDevice, ""), -19);
        assert_eq!(with(110, ExecutionStatus::Invalid, ""), -113);
        assert_eq!(with(1, ExecutionStatus::Done, ""), -61);
        assert_eq!(with(1, ExecutionStatus::Done, "Connection Timed Out\n"), -62);
        assert_eq!(with(1, ExecutionStatus::Error, "Failed: Unrecognised action 'frob'"), -95);
        assert_eq!(with(1, ExecutionStatus::Done, "something else"), -201);
    }
}
