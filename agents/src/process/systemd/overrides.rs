//! The file that puts a unit into the cluster's hands [RA-5.4].

use crate::standard::{Answer, ExecutionStatus, ExitStatus};
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

fn file(dir: &Path, unit: &str) -> PathBuf {
    dir.join(format!("{unit}.d")).join("50-pacemaker.conf")
}

/// Makes the manager stop the cluster before the unit at shutdown, and forbids restarts of its own.
pub(super) fn write(dir: &Path, unit: &str) -> io::Result<()> {
    let file = file(dir, unit);
    if unit.contains('/') {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    if let Some(parent) = file.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o755).create(parent)?;
    }
    fs::write(&file, text(unit))?;
    fs::set_permissions(&file, Permissions::from_mode(0o644))
}

/// Takes it back; `false` = it was not there.
pub(super) fn remove(dir: &Path, unit: &str) -> bool {
    !unit.contains('/') && fs::remove_file(file(dir, unit)).is_ok()
}

/// The result of a start whose file cannot be written.
pub(super) fn failure(name: &str, error: &io::Error) -> Answer {
    let rc = match error.kind() {
        io::ErrorKind::PermissionDenied => ExitStatus::PERM,
        io::ErrorKind::Unsupported => ExitStatus::UNIMPLEMENTED,
        _ => ExitStatus::GENERIC,
    };
    Answer::failed(rc, ExecutionStatus::Error, format!("Failed to create systemd override file for {name}"))
}

fn text(unit: &str) -> String {
    let service = if unit.ends_with(".service") { "\n[Service]\nRestart=no\n" } else { "" };
    format!(
        "[Unit]\nDescription=Cluster Controlled {unit}\nBefore=pacemaker.service pacemaker_remote.service\n{service}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_whole_and_taken_back() {
        let dir = tempfile::TempDir::new().unwrap();
        let top = dir.path().join("run/systemd/system");
        write(&top, "a.service").unwrap();
        let it = top.join("a.service.d/50-pacemaker.conf");
        let expected = "[Unit]\nDescription=Cluster Controlled a.service\nBefore=pacemaker.service pacemaker_remote.service\n\n[Service]\nRestart=no\n";
        assert_eq!(fs::read_to_string(&it).unwrap(), expected);
        assert_eq!(fs::metadata(&it).unwrap().permissions().mode() & 0o777, 0o644);
        assert!(!text("a.timer").contains("Restart"));
        assert!(remove(&top, "a.service") && !remove(&top, "a.service"));
    }

    #[test]
    fn a_file_that_cannot_be_written_is_told_by_its_error() {
        let dir = tempfile::TempDir::new().unwrap();
        assert!(write(dir.path(), "../x").is_err());
        let in_the_way = dir.path().join("a.service.d");
        fs::write(&in_the_way, "").unwrap();
        let answer = failure("a", &write(dir.path(), "a.service").unwrap_err());
        assert_eq!((answer.rc.0, answer.status), (1, ExecutionStatus::Error));
        assert_eq!(answer.reason.as_deref(), Some("Failed to create systemd override file for a"));
        assert_eq!(failure("a", &io::ErrorKind::PermissionDenied.into()).rc.0, 4);
        assert_eq!(failure("a", &io::ErrorKind::Unsupported.into()).rc.0, 3);
    }
}
