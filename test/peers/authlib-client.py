"""A client by the book: {issuer, id, secret, method, refresh_token} to what each of its requests was answered."""

import json
import sys

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
import requests

given = json.load(sys.stdin)
url = get_well_known_url(given["issuer"], external=True, suffix="oauth-authorization-server")
metadata = AuthorizationServerMetadata(requests.get(url, timeout=10).json())
token_endpoint = metadata["token_endpoint"]


def session(**more):
    secret = given["secret"] if "secret" not in more else more.pop("secret")
    return OAuth2Session(
        given["id"], secret, token_endpoint_auth_method=given["method"],
        revocation_endpoint_auth_method=given["method"], **more)


def refusal(call):
    try:
        call()
    except OAuthError as error:
        return error.error
    return None


def introspect(token):
    return session().introspect_token(metadata["introspection_endpoint"], token=token).json()


answers = {"metadata": dict(metadata)}

own = session(scope="read").fetch_token(token_endpoint, grant_type="client_credentials")
answers["client_credentials"] = own
answers["introspection"] = introspect(own["access_token"])
revoked = session().revoke_token(metadata["revocation_endpoint"], token=own["access_token"])
answers["revocation"] = {"status": revoked.status_code, "type": revoked.headers["content-type"]}
answers["introspection_when_revoked"] = introspect(own["access_token"])

first = given["refresh_token"]
user = session(token={"refresh_token": first})
second = user.refresh_token(token_endpoint, refresh_token=first)
answers["refreshed"] = second
third = user.refresh_token(token_endpoint, refresh_token=second["refresh_token"])
answers["refreshed_again"] = third
answers["introspection_of_user"] = introspect(third["access_token"])
user.revoke_token(metadata["revocation_endpoint"], token=third["refresh_token"], token_type_hint="refresh_token")
answers["refresh_when_revoked"] = refusal(
    lambda: user.refresh_token(token_endpoint, refresh_token=third["refresh_token"]))
answers["introspection_when_grant_revoked"] = introspect(third["access_token"])
answers["wrong_secret"] = refusal(
    lambda: session(secret="guessed").fetch_token(token_endpoint, grant_type="client_credentials"))
print(json.dumps(answers))
