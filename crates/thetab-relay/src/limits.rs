//! Rates per address and connections in total.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    num::NonZeroU32,
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::{access::Permit, error::ApiError, metrics::Metrics};

/// How much one address, and all together, may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitSettings {
    /// Requests a second from one address (an IPv6 /64 counts as one), over all routes.
    pub requests_per_second: u32,
    /// Tickets a minute for one address.
    pub tickets_per_minute: u32,
    /// HTTP answers in progress at a time: from the request until its last byte has left.
    pub concurrent_requests: u32,
    /// HTTP connections at a time.
    pub http_connections: u32,
    /// HTTP connections from one address at a time; not counted behind a proxy.
    pub http_connections_per_address: u32,
    /// Seconds that a request's headers may take.
    pub header_seconds: u32,
    /// Seconds without a byte in either direction after which an HTTP connection is closed.
    pub idle_seconds: u32,
    /// Tracker sessions at a time.
    pub sessions: u32,
    /// libp2p connections from one address at a time.
    pub connections_per_address: u32,
    /// New libp2p connections a minute from one address.
    pub connections_per_minute: u32,
    /// New tracker streams a minute from one address.
    pub tracker_streams_per_minute: u32,
}

impl Default for LimitSettings {
    fn default() -> LimitSettings {
        LimitSettings {
            requests_per_second: 100,
            tickets_per_minute: 60,
            concurrent_requests: 2048,
            http_connections: 8192,
            http_connections_per_address: 256,
            header_seconds: 10,
            idle_seconds: 60,
            sessions: 20_000,
            connections_per_address: 64,
            connections_per_minute: 120,
            tracker_streams_per_minute: 120,
        }
    }
}

pub(crate) type PerAddress = DefaultKeyedRateLimiter<IpAddr>;

/// So many a minute for each address, all of them at once if need be.
pub(crate) fn per_minute(count: u32) -> PerAddress {
    RateLimiter::keyed(Quota::per_minute(at_least_one(count)))
}

fn at_least_one(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN)
}

/// The limiters of one relay.
#[derive(Debug)]
pub(crate) struct Limits {
    requests: PerAddress,
    tickets: PerAddress,
    concurrent: Arc<Semaphore>,
    forwarded: bool,
    metrics: Metrics,
}

impl Limits {
    /// Fresh limiters. With `forwarded`, the last entry of `X-Forwarded-For` counts as the address: only
    /// behind a reverse proxy that sets it.
    pub(crate) fn new(settings: &LimitSettings, forwarded: bool, metrics: Metrics) -> Limits {
        let per_second = at_least_one(settings.requests_per_second);
        let burst = per_second.saturating_mul(at_least_one(4));
        Limits {
            requests: RateLimiter::keyed(Quota::per_second(per_second).allow_burst(burst)),
            tickets: per_minute(settings.tickets_per_minute),
            concurrent: Arc::new(Semaphore::new(settings.concurrent_requests as usize)),
            forwarded,
            metrics,
        }
    }

    /// Takes one ticket's worth.
    ///
    /// # Errors
    /// [`ApiError`] with the seconds to wait.
    pub(crate) fn ticket(&self, address: IpAddr) -> Result<(), ApiError> {
        self.take(&self.tickets, address)
    }

    /// Forgets addresses that asked nothing for a while; called now and then.
    pub(crate) fn forget_idle(&self) {
        self.requests.retain_recent();
        self.tickets.retain_recent();
    }

    fn take(&self, limiter: &PerAddress, address: IpAddr) -> Result<(), ApiError> {
        limiter.check_key(&address).map_err(|until| {
            self.metrics.limited_requests.inc();
            ApiError::rate_limited(
                until.wait_time_from(DefaultClock::default().now()).as_secs().saturating_add(1),
            )
        })
    }

    fn client(&self, request: &Request) -> IpAddr {
        let direct = request.extensions().get::<ConnectInfo<SocketAddr>>();
        let direct = direct.map_or(IpAddr::from([0; 4]), |ConnectInfo(address)| address.ip());
        let last_forwarded = || {
            let last = request.headers().get_all("x-forwarded-for").iter().next_back();
            last.and_then(|value| forwarded_client(value.as_bytes()))
        };
        counted(if self.forwarded { last_forwarded().unwrap_or(direct) } else { direct })
    }
}

/// The client's address as limits count it, put into a request's extensions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client(pub IpAddr);

/// The last entry of `X-Forwarded-For`: the only one that our own proxy wrote.
pub(crate) fn forwarded_client(header: &[u8]) -> Option<IpAddr> {
    let entry = header.rsplit(|byte| *byte == b',').next()?;
    std::str::from_utf8(entry).ok()?.trim().parse().ok()
}

/// An IPv6 host has a whole /64 to itself.
pub(crate) fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

/// Middleware: turns requests down beyond the limits, with an error that says when to try again.
pub(crate) async fn enforce(State(limits): State<Arc<Limits>>, mut request: Request, next: Next) -> Response {
    let client = limits.client(&request);
    if let Err(error) = limits.take(&limits.requests, client) {
        return error.into_response();
    }
    let Ok(permit) = limits.concurrent.clone().try_acquire_owned() else {
        limits.metrics.limited_requests.inc();
        return ApiError::busy().into_response();
    };
    request.extensions_mut().insert(Client(client));
    let mut response = next.run(request).await;
    response.extensions_mut().insert::<Permit>(Arc::new(permit));
    response
}
