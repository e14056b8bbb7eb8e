//! CIB configuration to model: options, nodes, resources, constraints.
