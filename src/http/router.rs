//! Every route of the web server on one page, and what wraps them all.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodFilter, MethodRouter, on};

use super::site::Site;
use super::{
    agenda, agent, appointments, assets, booking, booking_form, calendar, callbacks, cancel_link, chat, contract, demo_clock, documents,
    error, guard, headers, health, identity, link, load_test, mailbox, mine, pages, person, second_factor, sockets,
};
use crate::limits;

/// One route: what it is asked with, where, and who answers.
pub struct Route {
    /// `GET` (which answers `HEAD` too), `POST`, `PATCH` or `DELETE`.
    pub method: Method,
    /// axum's notation.
    pub path: &'static str,
    handler: MethodRouter<Site>,
}

type Verb = (Method, MethodFilter);

const GET: Verb = (Method::GET, MethodFilter::GET);
const POST: Verb = (Method::POST, MethodFilter::POST);
const PATCH: Verb = (Method::PATCH, MethodFilter::PATCH);
const DELETE: Verb = (Method::DELETE, MethodFilter::DELETE);

/// All routes. `GET` changes nothing: a mail scanner that follows links does no harm (S1, S7).
pub fn routes() -> Vec<Route> {
    vec![
        route(GET, "/", pages::start),
        route(GET, "/j", pages::citizen),
        route(GET, "/book", pages::book),
        route(GET, "/c", pages::cancel),
        route(GET, "/mine", pages::mine),
        route(GET, "/signed-in", pages::mine),
        route(GET, "/agent", pages::agent),
        route(GET, "/agent/signed-in", pages::agent),
        route(GET, "/assets/{name}", assets::serve),
        route(GET, "/demo/mailbox", mailbox::show),
        route(GET, "/demo/mailbox.json", mailbox::list),
        route(POST, demo_clock::CLOCK_PATH, demo_clock::set),
        route(GET, "/livez", health::live),
        route(GET, "/readyz", health::ready),
        route(GET, "/api/v1/services", agenda::services),
        route(GET, "/api/v1/openapi.json", contract::serve),
        route(GET, "/api/v1/topics", agenda::topics),
        route(GET, "/api/v1/slots", agenda::slots),
        route(POST, booking_form::BOOKING_PATH, booking::book),
        route(POST, "/api/v1/me/sign-in", person::begin),
        route(POST, "/api/v1/me/sign-in/end", person::end),
        route(GET, "/api/v1/me", person::show),
        route(POST, "/api/v1/me/sign-out", person::sign_out),
        route(GET, "/api/v1/me/appointments", mine::list),
        route(POST, "/api/v1/me/appointments/{reference}/open", mine::open),
        route(POST, "/api/v1/me/appointments/{reference}/cancel", mine::cancel),
        route(POST, "/api/v1/me/appointments/{reference}/reschedule", mine::reschedule),
        route(GET, "/api/v1/callbacks/times", callbacks::times),
        route(GET, "/api/v1/callbacks", callbacks::list),
        route(POST, "/api/v1/callbacks", callbacks::ask),
        route(PATCH, "/api/v1/callbacks/{id}", callbacks::set_done),
        route(POST, "/api/v1/appointments", appointments::book),
        route(GET, "/api/v1/appointments/{reference}", appointments::show),
        route(PATCH, "/api/v1/appointments/{reference}", appointments::reschedule),
        route(DELETE, "/api/v1/appointments/{reference}", appointments::cancel),
        route(POST, "/api/v1/appointments/{reference}/cancel", appointments::cancel_because),
        route(POST, "/api/v1/appointments/{reference}/rotate", appointments::rotate),
        route(POST, "/api/v1/appointments/{reference}/resend", appointments::resend),
        route(POST, "/api/v1/join", link::join),
        route(GET, "/api/v1/link", link::show),
        route(POST, "/api/v1/link/cancel", link::cancel),
        route(POST, "/api/v1/link/step-up", person::step_up),
        route(POST, "/api/v1/link/erase", link::erase),
        route(POST, documents::UPLOAD_PATH, documents::add),
        route(GET, documents::UPLOAD_PATH, documents::list),
        route(GET, "/api/v1/link/chat", chat::of_link),
        route(GET, "/api/v1/link/documents/{id}", documents::download),
        route(DELETE, "/api/v1/link/documents/{id}", documents::remove),
        route(POST, "/api/v1/link/reschedule", booking::reschedule),
        route(GET, "/api/v1/link/calendar", calendar::show),
        route(POST, "/api/v1/cancel-link", cancel_link::show),
        route(POST, "/api/v1/cancel-link/cancel", cancel_link::cancel),
        route(GET, "/api/v1/guest", link::show_guest),
        route(POST, "/api/v1/agent/sign-in", agent::sign_in),
        route(GET, "/api/v1/agent/sign-in", agent::ways_in),
        route(POST, "/api/v1/agent/sign-in/begin", agent::begin),
        route(POST, "/api/v1/agent/sign-in/end", agent::end),
        route(POST, "/api/v1/agent/second-factor", second_factor::offer),
        route(POST, "/api/v1/agent/second-factor/confirm", second_factor::confirm),
        route(POST, "/api/v1/agent/sign-out", agent::sign_out),
        route(GET, "/api/v1/agent", agent::show),
        route(GET, "/api/v1/agent/consultations/{consultation}/documents", documents::list_for_agent),
        route(GET, "/api/v1/agent/consultations/{consultation}/documents/{id}", documents::download_for_agent),
        route(GET, "/api/v1/agent/consultations/{consultation}/identity-copy", identity::look),
        route(POST, "/api/v1/agent/consultations/{consultation}/identity", identity::say),
        route(GET, "/api/v1/load", load_test::show),
        route(POST, "/api/v1/load/begin", load_test::begin),
        route(POST, "/api/v1/load/agents", load_test::add_agents),
        route(POST, "/api/v1/load/end", load_test::end),
        route(GET, "/signaling/citizen", sockets::citizen),
        route(GET, "/signaling/guest", sockets::guest),
        route(GET, "/signaling/agent", sockets::agent),
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
        .layer(from_fn_with_state(site.clone(), error::deadline))
        .layer(from_fn_with_state(site.clone(), headers::secure))
        .with_state(site)
}

fn route<H: Handler<T, Site>, T: 'static>((method, filter): Verb, path: &'static str, handler: H) -> Route {
    Route { method, path, handler: on(filter, handler) }
}
