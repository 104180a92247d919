//! placeholder
#![allow(missing_docs)]
pub mod decide;
pub mod publish;
pub mod record;
pub mod score;
pub mod template;
pub mod vectorise;
