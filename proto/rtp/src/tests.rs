mod feedback;
mod headers;
mod losses;
mod reception;
mod reports;
mod strangers;
mod vectors;
