//! Which TCP connections of HTTP are taken, and how long they may be idle.
//!
//! Why beside the limits on requests: a connection on which nothing is asked, or whose answer is never read, costs as
//! much as one that asks. Left out: clients that trickle; the number of their connections bounds them.

use std::{
    collections::BTreeMap,
    io,
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use axum_server::accept::Accept;
use futures::future::BoxFuture;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, Sleep},
};

use crate::{
    error::ApiError,
    limits::{LimitSettings, counted},
    metrics::Metrics,
};

/// Time that a refused client gets to read why.
const FAREWELL: Duration = Duration::from_secs(1);

/// How many connections each address has.
type Counts = Arc<Mutex<BTreeMap<IpAddr, u32>>>;

/// Admits connections.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    total: Arc<Semaphore>,
    /// Open connections of each address; `None` behind a proxy, whose address they all have.
    open: Option<Counts>,
    per_address: u32,
    idle: Duration,
    /// Whether a refusal can be said: before a TLS handshake it cannot.
    speaks: bool,
    metrics: Metrics,
}

impl Gate {
    /// A gate with nobody inside.
    pub(crate) fn new(settings: &LimitSettings, behind_proxy: bool, speaks: bool, metrics: Metrics) -> Gate {
        Gate {
            total: Arc::new(Semaphore::new(settings.http_connections as usize)),
            open: (!behind_proxy).then(Arc::default),
            per_address: settings.http_connections_per_address,
            idle: Duration::from_secs(settings.idle_seconds.max(1).into()),
            speaks,
            metrics,
        }
    }

    fn admit(&self, address: IpAddr) -> Result<Place, ApiError> {
        let permit = self.total.clone().try_acquire_owned();
        let permit = permit
            .map_err(|_full| ApiError::busy_with("the relay has too many connections; try again soon"))?;
        let Some(open) = &self.open else { return Ok(Place { _permit: permit, of_address: None }) };
        let mut counts = open.lock().expect("nothing panics while it holds the lock");
        let count = counts.entry(address).or_insert(0);
        if *count >= self.per_address {
            return Err(ApiError::busy_with("there are too many connections from this address; close some"));
        }
        *count += 1;
        Ok(Place { _permit: permit, of_address: Some((open.clone(), address)) })
    }
}

/// A connection's place; given back when it ends.
#[derive(Debug)]
struct Place {
    _permit: OwnedSemaphorePermit,
    of_address: Option<(Counts, IpAddr)>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((open, address)) = &self.of_address else { return };
        let mut counts = open.lock().expect("nothing panics while it holds the lock");
        if let Some(count) = counts.get_mut(address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(address);
            }
        }
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for Gate {
    type Stream = Admitted;
    type Service = S;
    type Future = BoxFuture<'static, io::Result<(Admitted, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let gate = self.clone();
        Box::pin(async move {
            stream.set_nodelay(true)?;
            match gate.admit(counted(stream.peer_addr()?.ip())) {
                Ok(place) => Ok((Admitted::new(stream, place, gate.idle), service)),
                Err(error) => {
                    gate.metrics.limited_requests.inc();
                    if gate.speaks {
                        // Whether it reads the answer is its own affair.
                        let _ = tokio::time::timeout(FAREWELL, refuse(stream, &error)).await;
                    }
                    Err(io::Error::other(error.message))
                }
            }
        })
    }
}

/// Says why in HTTP/1.1, which every client understands, and waits for the client to close.
async fn refuse(mut stream: TcpStream, error: &ApiError) -> io::Result<()> {
    let body = error.body().to_string();
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         access-control-allow-origin: *\r\nretry-after: {}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n{body}",
        body.len(),
        error.retry_after_seconds.unwrap_or(2),
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    // Closing with bytes unread would reset the connection, and the answer with it.
    let mut rest = [0; 1024];
    while stream.read(&mut rest).await? > 0 {}
    Ok(())
}

/// An admitted connection; an error once no byte has moved for too long.
#[derive(Debug)]
pub(crate) struct Admitted {
    stream: TcpStream,
    idle: Duration,
    until: Pin<Box<Sleep>>,
    _place: Place,
}

impl Admitted {
    fn new(stream: TcpStream, place: Place, idle: Duration) -> Admitted {
        Admitted { stream, idle, until: Box::pin(tokio::time::sleep(idle)), _place: place }
    }

    /// Starts the clock again when something moved; gives up when nothing did for too long.
    fn watch<T>(&mut self, context: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            let until = Instant::now() + self.idle;
            self.until.as_mut().reset(until);
            return polled;
        }
        match self.until.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Admitted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.watch(context, polled)
    }
}

impl AsyncWrite for Admitted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watch(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A socket's flush does nothing, so it says nothing about the other end.
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
