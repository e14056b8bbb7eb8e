//! The cluster's tools where resource agents look for them: a directory of links to this program, and the environment that
//! leads there.

use crate::shell::COMMANDS;
use agents::process::Places;
use std::io;
use std::path::Path;

/// Names that agents may call; the simulator's and the daemons' own are none of theirs.
fn is_tool(name: &str) -> bool {
    ["crm", "cib", "attrd", "corosync-", "stonith"].iter().any(|start| name.starts_with(start))
}

/// Fills `directory` with links to this program, and shows agents the way: their shell library takes tools from
/// `HA_SBIN_DIR` [RA-10.2], others from `PATH`, and the tools reach the node behind `METRONOME_SOCKET`.
pub(super) fn offer(places: &mut Places, directory: &Path, socket: &Path) -> io::Result<()> {
    let program = std::env::current_exe()?;
    std::fs::create_dir_all(directory)?;
    for command in COMMANDS.iter().filter(|command| is_tool(command.name)) {
        let link = directory.join(command.name);
        match std::fs::remove_file(&link) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => std::os::unix::fs::symlink(&program, &link)?,
        }
    }
    let here = std::path::absolute(directory)?.display().to_string();
    let path = places.environment.get("PATH").cloned().unwrap_or_default();
    let socket = std::path::absolute(socket)?.display().to_string();
    let environment = [("PATH", format!("{here}:{path}")), ("HA_SBIN_DIR", here), ("METRONOME_SOCKET", socket)];
    places.environment.extend(environment.map(|(name, value)| (name.to_owned(), value)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_find_links_by_path_and_directory() {
        let folder = tempfile::tempdir().unwrap();
        let mut places = Places::default();
        for _ in 0..2 {
            offer(&mut places, &folder.path().join("tools"), Path::new("/run/x.sock")).unwrap();
        }
        let directory = &places.environment["HA_SBIN_DIR"];
        assert!(places.environment["PATH"].starts_with(directory.as_str()));
        assert_eq!(places.environment["METRONOME_SOCKET"], "/run/x.sock");
        assert!(Path::new(directory).join("crm_attribute").is_symlink());
        assert!(!Path::new(directory).join("simulate").exists());
    }
}
