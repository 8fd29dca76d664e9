//! Every route on one page; join, agent sign-in, API v1, assets, health. Decides nothing about a consultation.
