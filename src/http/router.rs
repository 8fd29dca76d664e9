//! Every route of the web server on one page, and what wraps them all.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{MethodRouter, on};

use super::site::Site;
use super::{agenda, agent, appointments, assets, error, guard, headers, health, link, pages, sockets};
use crate::limits;

/// One route: what it is asked with, where, and who answers.
pub struct Route {
    /// `GET` (which answers `HEAD` too), `POST`, `PATCH` or `DELETE`.
    pub method: Method,
    /// axum's notation.
    pub path: &'static str,
    handler: MethodRouter<Site>,
}

/// All routes. `GET` changes nothing: a mail scanner that follows links does no harm (S1, S7).
pub fn routes() -> Vec<Route> {
    vec![
        get("/", pages::start),
        get("/j", pages::citizen),
        get("/agent", pages::agent),
        get("/assets/{name}", assets::serve),
        get("/livez", health::live),
        get("/readyz", health::ready),
        get("/api/v1/services", agenda::services),
        get("/api/v1/slots", agenda::slots),
        post("/api/v1/appointments", appointments::book),
        get("/api/v1/appointments/{reference}", appointments::show),
        patch("/api/v1/appointments/{reference}", appointments::reschedule),
        delete("/api/v1/appointments/{reference}", appointments::cancel),
        post("/api/v1/appointments/{reference}/rotate", appointments::rotate),
        post("/api/v1/join", link::join),
        get("/api/v1/link", link::show),
        post("/api/v1/link/cancel", link::cancel),
        get("/api/v1/guest", link::show_guest),
        post("/api/v1/agent/sign-in", agent::sign_in),
        post("/api/v1/agent/sign-out", agent::sign_out),
        get("/api/v1/agent", agent::show),
        get("/signaling/citizen", sockets::citizen),
        get("/signaling/guest", sockets::guest),
        get("/signaling/agent", sockets::agent),
    ]
}

/// The service of one listener. From the outside in: headers on every answer, a deadline, the guard against foreign pages, the routes.
pub fn router(site: Site) -> Router {
    let routes = routes().into_iter().fold(Router::new(), |router, route| router.route(route.path, route.handler));
    routes
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::wrong_method)
        .layer(DefaultBodyLimit::max(limits::WEB_BODY_BYTES))
        .layer(from_fn_with_state(site.clone(), guard::refuse_foreign_pages))
        .layer(from_fn(error::deadline))
        .layer(from_fn_with_state(site.clone(), headers::secure))
        .with_state(site)
}

fn get<H: Handler<T, Site>, T: 'static>(path: &'static str, handler: H) -> Route {
    Route { method: Method::GET, path, handler: on(axum::routing::MethodFilter::GET, handler) }
}

fn delete<H: Handler<T, Site>, T: 'static>(path: &'static str, handler: H) -> Route {
    Route { method: Method::DELETE, path, handler: on(axum::routing::MethodFilter::DELETE, handler) }
}

fn patch<H: Handler<T, Site>, T: 'static>(path: &'static str, handler: H) -> Route {
    Route { method: Method::PATCH, path, handler: on(axum::routing::MethodFilter::PATCH, handler) }
}

fn post<H: Handler<T, Site>, T: 'static>(path: &'static str, handler: H) -> Route {
    Route { method: Method::POST, path, handler: on(axum::routing::MethodFilter::POST, handler) }
}
