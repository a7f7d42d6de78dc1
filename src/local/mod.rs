//! An asynchronous endpoint on this machine.
