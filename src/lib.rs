//! placeholder
#![allow(missing_docs)]
pub mod record;

pub mod decode;
pub mod template;
