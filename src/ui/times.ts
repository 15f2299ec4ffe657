const MINUTE = 60
const HOUR = 3600
const DAY = 86_400

/** How long ago something was, in words: "2 hours ago"; beyond a month the day. */
export function ago(date: Date, { language, now }: { readonly language: string; readonly now: Date }): string {
  const seconds = Math.max(0, (now.getTime() - date.getTime()) / 1000)
  if (seconds > 30 * DAY) return day(date, language)
  const format = new Intl.RelativeTimeFormat(language, { numeric: 'auto' })
  if (seconds < MINUTE) return format.format(0, 'second')
  if (seconds < HOUR) return format.format(-Math.floor(seconds / MINUTE), 'minute')
  if (seconds < DAY) return format.format(-Math.floor(seconds / HOUR), 'hour')
  return format.format(-Math.floor(seconds / DAY), 'day')
}

/** How long to wait, in words: "in 5 minutes". Rounded up, so that who waits so long has waited enough. */
export function within(seconds: number, language: string): string {
  const format = new Intl.RelativeTimeFormat(language)
  if (seconds <= 90) return format.format(Math.max(1, Math.ceil(seconds)), 'second')
  if (seconds <= 90 * MINUTE) return format.format(Math.ceil(seconds / MINUTE), 'minute')
  return format.format(Math.ceil(seconds / HOUR), 'hour')
}

/** A day of the calendar, in UTC: "3 March 2026". */
export function day(date: Date, language: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: 'long', timeZone: 'UTC' }).format(date)
}
