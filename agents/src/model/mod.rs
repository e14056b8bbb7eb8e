//! Behaviour models of agents for simulation.
