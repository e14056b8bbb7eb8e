//! Storage: `Filesystem`, volumes, exports, targets [RA-12.4], [RA-12.10].

use super::behaviour::Behaviour;
use super::heartbeat::{has, put, simple, started, take};
use super::scene::{Scene, because, exit};
use super::state::{Mount, Role};
use crate::standard::Exit;

/// Types that have no block device of their own.
const NO_BLOCK: [&str; 17] = [
    "nfs",
    "nfs4",
    "efs",
    "smbfs",
    "cifs",
    "none",
    "glusterfs",
    "ceph",
    "tmpfs",
    "overlay",
    "overlayfs",
    "rozofs",
    "zfs",
    "cvfs",
    "lustre",
    "bind",
    "aznfs",
];
/// Types that several nodes may mount at once.
const CLUSTER_AWARE: [&str; 14] = [
    "nfs",
    "nfs4",
    "smbfs",
    "cifs",
    "none",
    "gfs2",
    "glusterfs",
    "ceph",
    "ocfs2",
    "overlay",
    "overlayfs",
    "tmpfs",
    "cvfs",
    "lustre",
];

/// `Filesystem`: mounts of this node on devices that all see.
pub(super) struct Filesystem;

impl Filesystem {
    fn directory<'a>(scene: &Scene<'a>) -> Option<&'a str> {
        scene.param("directory").map(|d| if d.len() > 1 { d.trim_end_matches('/') } else { d })
    }

    fn mounted(scene: &Scene<'_>) -> bool {
        Self::directory(scene).is_some_and(|d| scene.here().mounts.contains_key(d))
    }

    fn start(scene: &mut Scene<'_>, device: &str, directory: &str) -> Exit {
        let below = format!("{}/", directory.trim_end_matches('/'));
        if scene.here().mounts.keys().any(|mount| mount.starts_with(&below)) {
            return exit(6);
        }
        if Self::mounted(scene) {
            return exit(0);
        }
        let fstype = scene.param("fstype").unwrap_or("ext4");
        let read_only = scene.param("options").is_some_and(|o| o.split(',').any(|o| o == "ro"));
        let shared = CLUSTER_AWARE.contains(&fstype) || read_only;
        if scene.is_clone() && !shared && !scene.flag("force_clones", false) {
            return because(6, format!("DANGER! {fstype} on {device} is NOT cluster-aware!"));
        }
        // A replicated device can be opened where it is Primary only; the first mount of the device shows it.
        if scene.state.shared.drbd.is_device(device) && !scene.state.shared.drbd.is_primary(device, scene.node) {
            return because(1, format!("Couldn't mount device [{device}] as {directory}"));
        }
        if scene.state.shared.absent_devices.contains(device) && !NO_BLOCK.contains(&fstype) {
            return because(5, format!("Couldn't find device [{device}]. Expected /dev/??? to exist"));
        }
        scene.here_mut().mounts.insert(directory.to_owned(), Mount { device: device.to_owned(), shared });
        exit(0)
    }
}

impl Behaviour for Filesystem {
    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        let action = scene.call.action.as_str();
        if action == "meta-data" {
            return exit(0);
        }
        let Some(device) = scene.param("device") else {
            return because(6, "Please set OCF_RESKEY_device to the device to be managed");
        };
        let directory = Self::directory(scene);
        match (action, directory) {
            ("start", None) => exit(6),
            ("start", Some(directory)) => Self::start(scene, device, directory),
            ("stop", Some(directory)) => {
                let below = format!("{}/", directory.trim_end_matches('/'));
                scene.here_mut().mounts.retain(|mount, _| mount != directory && !mount.starts_with(&below));
                exit(0)
            }
            ("monitor", _) if !matches!(scene.check_level(), 0 | 10 | 20) => exit(6),
            ("monitor" | "status", _) => exit(if Self::mounted(scene) { 0 } else { 7 }),
            ("stop" | "validate-all" | "notify", _) => exit(0),
            _ => exit(3),
        }
    }

    fn role(&self, scene: &Scene<'_>) -> Option<Role> {
        started(Self::mounted(scene))
    }
}

/// `LVM-activate` and the older `LVM`: a volume group that is active here, and whose system id is taken over.
pub(super) struct Volume;

impl Volume {
    fn group<'a>(scene: &Scene<'a>) -> Option<&'a str> {
        scene.param("vgname").or_else(|| scene.param("volgrpname"))
    }

    fn thing(group: &str, scene: &Scene<'_>) -> String {
        format!("volume:{group}/{}", scene.param("lvname").unwrap_or("*"))
    }
}

impl Behaviour for Volume {
    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        let probe = scene.call.is_probe();
        let Some(group) = Self::group(scene) else { return exit(if probe { 7 } else { 6 }) };
        let thing = Self::thing(group, scene);
        match scene.call.action.as_str() {
            "start" => {
                if scene.call.agent.type_name == "LVM-activate" && scene.param("vg_access_mode").is_none() {
                    return exit(6);
                }
                let node = scene.node.to_owned();
                scene.state.shared.volume_owner.insert(group.to_owned(), node);
                put(scene, &thing, "");
                exit(0)
            }
            "monitor" if has(scene, &thing) => exit(if matches!(scene.check_level(), 0 | 10) { 0 } else { 6 }),
            // A volume that should be there and is not has failed.
            "monitor" => exit(if probe { 7 } else { 1 }),
            _ => simple(scene, &thing).unwrap_or_else(|| exit(3)),
        }
    }

    fn role(&self, scene: &Scene<'_>) -> Option<Role> {
        started(Self::group(scene).is_some_and(|group| has(scene, &Self::thing(group, scene))))
    }
}

/// `exportfs`: an entry of the export list for each directory.
pub(super) struct Export;

impl Behaviour for Export {
    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        let action = scene.call.action.as_str();
        if action == "meta-data" {
            return exit(0);
        }
        for name in ["directory", "clientspec", "fsid"] {
            if scene.param(name).is_none() {
                return because(6, format!("{name}: required parameter not set"));
            }
        }
        let fsid = scene.param("fsid").unwrap_or_default();
        let several = scene.param("directory").is_some_and(|d| d.split_whitespace().count() > 1);
        if matches!(action, "start" | "validate-all") && (fsid.contains(',') || several && fsid.parse::<u32>().is_err())
        {
            return exit(6);
        }
        let thing = format!("export:{}", scene.call.resource);
        simple(scene, &thing).unwrap_or_else(|| exit(3))
    }

    fn role(&self, scene: &Scene<'_>) -> Option<Role> {
        started(has(scene, &format!("export:{}", scene.call.resource)))
    }
}

/// `nfsserver`: the one NFS server of a node.
pub(super) struct NfsServer;

impl Behaviour for NfsServer {
    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        if scene.is_clone() && scene.param("nfs_shared_infodir").is_some() && scene.call.action != "meta-data" {
            return exit(6);
        }
        simple(scene, "nfsserver").unwrap_or_else(|| exit(3))
    }

    fn role(&self, scene: &Scene<'_>) -> Option<Role> {
        started(has(scene, "nfsserver"))
    }
}

/// `iSCSITarget` and `iSCSILogicalUnit`.
pub(super) struct Iscsi;

impl Iscsi {
    fn thing(scene: &Scene<'_>) -> Option<String> {
        if scene.call.agent.type_name == "iSCSITarget" {
            return scene.param("iqn").map(|iqn| format!("target:{iqn}"));
        }
        let (iqn, lun) = (scene.param("target_iqn")?, scene.param("lun")?);
        scene.param("path").map(|_| format!("lun:{iqn}/{lun}"))
    }
}

impl Behaviour for Iscsi {
    fn act(&self, scene: &mut Scene<'_>) -> Exit {
        if scene.call.action == "meta-data" {
            return exit(0);
        }
        let Some(thing) = Self::thing(scene) else { return exit(6) };
        if let (Some((_, rest)), "start") = (thing.split_once("lun:"), scene.call.action.as_str()) {
            let iqn = rest.rsplit_once('/').map_or(rest, |(iqn, _)| iqn);
            if !has(scene, &format!("target:{iqn}")) {
                return exit(1);
            }
        }
        let stopped = scene.call.action == "stop" && thing.starts_with("target:");
        let result = simple(scene, &thing).unwrap_or_else(|| exit(3));
        if stopped {
            let prefix = thing.replacen("target:", "lun:", 1) + "/";
            let units: Vec<String> = scene.here().things.keys().filter(|t| t.starts_with(&prefix)).cloned().collect();
            for unit in units {
                take(scene, &unit);
            }
        }
        result
    }

    fn role(&self, scene: &Scene<'_>) -> Option<Role> {
        started(Self::thing(scene).is_some_and(|thing| has(scene, &thing)))
    }
}
