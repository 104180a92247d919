#![doc = include_str!("README.md")]

pub mod cli;
pub mod config;
pub mod decide;
pub mod decode;
pub mod ops;
pub mod publish;
pub mod record;
pub mod score;
pub mod stage;
pub mod stream;
pub mod template;
pub mod vectorise;
