/** `typ` of a list, and with `application/` before it its media type. draft-ietf-oauth-status-list §5.1. */
export const STATUS_LIST_TYPE = 'statuslist+jwt'

/** Entries of a list, one bit each. draft-ietf-oauth-status-list §4.1. */
export const LIST_LENGTH = 2 ** 20
