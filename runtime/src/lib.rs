//! An M:N scheduler of stackful tasks.
