#![doc = include_str!("README.md")]

pub mod console;
pub mod control;
pub mod engine;
pub mod http;
pub mod index;
pub mod mail;
pub mod mailbox;
pub mod passage;
pub mod portal;
pub mod program;
pub mod settings;
pub mod spool;
pub mod ticket;
pub mod world;
