//! One cluster node: totem, quorum, groups, cib, controller, executor and fencer, still sans-IO.
