//! Comparative tests.
