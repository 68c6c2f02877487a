mod client;
mod server;
mod world;
