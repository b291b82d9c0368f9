//! What the appliance signs in to the portal with: a token that was set, or one that a token endpoint
//! gives it (OAuth 2.0).
//!
//! Knows nothing of requests: it gives the Authorization field for the next one.

use super::contract::Unusable;
use super::settings::SignIn;
use crate::http::oauth::NoToken;
use crate::http::{bearer, Client, Origin, Tokens};
use crate::world::{Secret, World};
use std::rc::Rc;

/// What it signs in with.
pub(super) enum SignedIn {
    /// The Authorization field of a token that was set.
    Set(Rc<Secret>),
    /// Tokens that are got.
    Given(Box<Tokens>),
}

impl SignedIn {
    /// Prepares; nothing is asked yet. `client` makes one for the token endpoint.
    pub fn new(
        world: &World,
        how: &SignIn,
        secret: &Secret,
        client: impl FnOnce(Origin) -> Client,
    ) -> Result<Self, Unusable> {
        Ok(match how {
            SignIn::Token => Self::Set(Rc::new(bearer(secret))),
            SignIn::Oauth {
                token_url,
                client_id,
                scope,
            } => {
                let endpoint = Origin::parse(token_url).map_err(Unusable::TokenAddress)?;
                let (client, scope) = (client(endpoint), scope.as_deref());
                let tokens = Tokens::new(world, client, token_url, client_id, secret, scope);
                Self::Given(Box::new(tokens))
            }
        })
    }

    /// The Authorization field for the next request.
    pub async fn token(&self) -> Result<Rc<Secret>, Rc<NoToken>> {
        match self {
            Self::Set(token) => Ok(token.clone()),
            Self::Given(tokens) => tokens.token().await,
        }
    }

    /// Whether another token can be had in the place of this one, which is not used any more then.
    pub fn renews(&self, token: &Rc<Secret>) -> bool {
        match self {
            Self::Set(_) => false,
            Self::Given(tokens) => {
                tokens.refused(token);
                true
            }
        }
    }

    /// The connections to the token endpoint, where there is one.
    pub fn client(&self) -> Option<&Client> {
        match self {
            Self::Set(_) => None,
            Self::Given(tokens) => Some(tokens.client()),
        }
    }

    /// How, for people.
    pub fn said(&self) -> String {
        let Self::Given(tokens) = self else {
            return "signed in by the token that is set".to_owned();
        };
        let by = format!(
            "signed in by OAuth as {} at {}",
            tokens.client_id(),
            tokens.client().origin()
        );
        match tokens.holds_until() {
            Some(until) => format!("{by}, with a token that holds until {until}"),
            None => format!("{by}, with no token at this moment"),
        }
    }
}
