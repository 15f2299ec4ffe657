/** Postgres has no text with a zero in it: nothing is stored under such a name, and asking for it is an error there. */
export const isStorable = (text: string): boolean => !text.includes('\0')

/** In the one spelling that is written here; what is none is the name of nothing. */
export const isUuid = (text: string): boolean => /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)
