//! Runs an external scheduler corpus and reports equality per output.
