export { type Bulla, createVerifier } from './create-verifier.js'
export type { NodeMiddleware, NodeRequest, NodeResponse } from './node-middleware.js'
export type {
  ApiCredentials,
  DpopOptions,
  PresentedProof,
  PrivateJwk,
  Requirements,
  ResourceDescription,
  VerifiedClaims,
  VerifierOptions,
  WhenStale,
} from './options.js'
export type { RevocationStatus } from './revocations.js'
export type { PlainAnswer, RequestParts, Verifier, VerifierStatus } from './verifier.js'
export type { VerifierEvent } from './verifier-event.js'
export { VerifyError } from './verify-error.js'
