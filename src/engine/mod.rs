//! The use cases, the schedule, the CPU pool, the clock.
