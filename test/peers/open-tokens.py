"""Opens both layers of sealed tokens as an API would: {keys, tokens: [{token, key}]} to [{outer, inner, claims}]."""

import json
import sys

from jwcrypto import jwe, jwk, jws


def verify(token, keys):
    signed = jws.JWS()
    signed.deserialize(token)
    key = keys.get_key(signed.jose_header["kid"])
    signed.verify(key, key.get("alg"))
    return signed.jose_header, json.loads(signed.payload)


def opened(token, keys, key):
    if key is None:
        inner, claims = verify(token, keys)
        return {"inner": inner, "claims": claims}
    sealed = jwe.JWE()
    sealed.deserialize(token, jwk.JWK(**key))
    inner, claims = verify(sealed.payload.decode(), keys)
    return {"outer": sealed.jose_header, "inner": inner, "claims": claims}


question = json.load(sys.stdin)
published = jwk.JWKSet.from_json(json.dumps(question["keys"]))
print(json.dumps([opened(each["token"], published, each.get("key")) for each in question["tokens"]]))
