//! The data model: nodes, resources and actions in arenas, named by index newtypes.
