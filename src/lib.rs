//! placeholder
#![allow(missing_docs)]
pub mod config;
pub mod decode;
pub mod record;
pub mod score;
pub mod template;
pub mod vectorise;
