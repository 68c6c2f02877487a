//! A stream whose first bytes were read already, to see what they are.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

/// How many bytes are kept; as many as it takes to tell protocols apart.
const PREFIX_LEN_MAX: usize = 16;

/// Gives the kept bytes once more, then what follows.
#[derive(Debug)]
pub(crate) struct Prefixed<S> {
    stream: S,
    prefix: [u8; PREFIX_LEN_MAX],
    len: u8,
    given: u8,
}

impl<S> Prefixed<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, prefix: [0; PREFIX_LEN_MAX], len: 0, given: 0 }
    }

    /// The stream, and what is left of its first bytes.
    pub(crate) fn into_parts(self) -> (S, Vec<u8>) {
        let rest = self.prefix[usize::from(self.given)..usize::from(self.len)].to_vec();
        (self.stream, rest)
    }
}

impl<S: AsyncRead + Unpin> Prefixed<S> {
    /// Reads some more of the first bytes; all of those read so far, or `None` if there is no more or no more room.
    pub(crate) async fn read_more(&mut self) -> io::Result<Option<&[u8]>> {
        let free = &mut self.prefix[usize::from(self.len)..];
        let read = self.stream.read(free).await?;
        if read == 0 {
            return Ok(None);
        }
        self.len += u8::try_from(read).expect("no more was read than the prefix holds");
        Ok(Some(&self.prefix[..usize::from(self.len)]))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Prefixed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.given == self.len {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let rest = &self.prefix[usize::from(self.given)..usize::from(self.len)];
        let now = rest.len().min(buf.remaining());
        buf.put_slice(&rest[..now]);
        self.given += u8::try_from(now).expect("a part of the prefix is no longer than the prefix");
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prefixed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
