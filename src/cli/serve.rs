//! `tidewatch serve`: the service.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::net::TcpListener;
use tracing::{info, warn};

use super::args::ServeArgs;
use super::compose;
use super::exit::Outcome;
use crate::config::Config;
use crate::engine::{App, clock};
use crate::http::{self, AppState};
use crate::telemetry::{self, LogFormat, Metrics};

/// How long loops and requests may take to end after a signal.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn run(args: &ServeArgs, log: &str) -> anyhow::Result<Outcome> {
    telemetry::init_logs(log, LogFormat::Text)?;
    let config = Config::load(&args.config)?;
    let listen = args.listen.unwrap_or(config.http.listen);
    let metrics = Metrics::install()?;
    runtime()?.block_on(async {
        let listener = bind(listen).await?;
        let now = clock::now();
        let app = compose::app(&config, compose::severity_model()?, now).await?;
        // held until the end: two services on one data directory would deliver everything twice
        let _lock = app.store().lock_for_service().await?;
        let restored = app.restore(now).await?;
        let loaded = app.load_detectors(now).await?;
        info!(restored, loaded, "restored {restored} series from the last run and {loaded} from trained models");
        app.start();
        let state = AppState::new(Arc::clone(&app), Some(metrics), compose::http_settings(&config));
        serve_until_signal(listener, state, &app).await
    })?;
    Ok(Outcome::Done)
}

/// Serves until a signal to stop, then lets what is under way end.
pub(super) async fn serve_until_signal(listener: TcpListener, state: AppState, app: &Arc<App>) -> anyhow::Result<()> {
    let address = listener.local_addr().context("the listener has no address")?;
    info!(%address, "listening on http://{address}");
    http::serve(listener, state, signal()).await.context("the HTTP server failed")?;
    info!("stopping; loops end and states are saved");
    if !app.stop(PATIENCE).await {
        warn!("some loops did not end within {} s", PATIENCE.as_secs());
    }
    Ok(())
}

/// Binds the address, with the advice that a port in use needs.
pub(super) async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; is another Tidewatch running there? choose another address with --listen")
    })
}

/// The async runtime.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the async runtime")
}

async fn signal() {
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut stream) => drop(stream.recv().await),
            Err(_) => std::future::pending::<()>().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        () = interrupted => {}
        () = terminated => {}
    }
}
