"""Signs a person in, in two runs: {issuer, id, secret, method, redirect_uri} to where the browser goes, and with what came of it and
where the browser came back, `callback`, to all that the client then knows."""

import json
import secrets
import sys

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey, jwt
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import OpenIDProviderMetadata, get_well_known_url
import requests

given = json.load(sys.stdin)
found = requests.get(get_well_known_url(given["issuer"], external=True), timeout=10)
metadata = OpenIDProviderMetadata(found.json())
metadata.validate()

session = OAuth2Session(
    given["id"], given.get("secret"), scope="openid profile email offline_access", redirect_uri=given["redirect_uri"],
    token_endpoint_auth_method=given["method"], revocation_endpoint_auth_method=given["method"],
    code_challenge_method="S256")

if "callback" not in given:
    kept = {"verifier": secrets.token_urlsafe(48), "nonce": secrets.token_urlsafe(16)}
    url, kept["state"] = session.create_authorization_url(
        metadata["authorization_endpoint"], code_verifier=kept["verifier"], nonce=kept["nonce"], prompt="consent")
    print(json.dumps({"url": url, **kept}))
    sys.exit()

keys = JsonWebKey.import_key_set(requests.get(metadata["jwks_uri"], timeout=10).json())


def refusal(call):
    try:
        call()
    except OAuthError as error:
        return error.error
    return None


def claims_of(tokens, **expected):
    claims = jwt.decode(
        tokens["id_token"], keys, claims_cls=CodeIDToken,
        claims_options={"iss": {"essential": True, "value": given["issuer"]}, "aud": {"essential": True, "value": given["id"]}},
        claims_params={"access_token": tokens["access_token"], "client_id": given["id"], **expected})
    claims.validate(leeway=5)
    return {**claims, "alg": claims.header["alg"]}


def introspect(token):
    return session.introspect_token(metadata["introspection_endpoint"], token=token).json()


def userinfo():
    answer = session.get(metadata["userinfo_endpoint"])
    return {"status": answer.status_code, **(answer.json() if answer.ok else {})}


first = session.fetch_token(
    metadata["token_endpoint"], authorization_response=given["callback"], state=given["state"],
    code_verifier=given["verifier"])
answers = {"claims": claims_of(first, nonce=given["nonce"]), "userinfo": userinfo()}
try:
    claims_of({**first, "access_token": "another"}, nonce=given["nonce"])
except Exception as error:
    answers["another_access_token"] = error.error

second = session.refresh_token(metadata["token_endpoint"], refresh_token=first["refresh_token"])
answers["rotated"] = second["refresh_token"] != first["refresh_token"]
answers["refreshed_claims"] = claims_of(second)
answers["refreshed_userinfo"] = userinfo()
if given.get("secret"):
    answers["introspection"] = introspect(second["access_token"])
session.revoke_token(metadata["revocation_endpoint"], token=second["refresh_token"], token_type_hint="refresh_token")
if given.get("secret"):
    answers["introspection_when_revoked"] = introspect(second["access_token"])
answers["refresh_when_revoked"] = refusal(
    lambda: session.refresh_token(metadata["token_endpoint"], refresh_token=second["refresh_token"]))
session.token = second
answers["userinfo_when_revoked"] = userinfo()
print(json.dumps(answers))
