//! The transition graph: synapses, XML, DOT.
