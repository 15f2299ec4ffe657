import { argon2Alone } from './children.js'
import type { Contest } from './contest.js'
import { type Answer, type Exchange, JSON_BODY, overHttp, post, success } from './http-load.js'
import { argon2Cost, PASSWORD, type Stage } from './stage.js'

/** Sign-ins with a password, beside the verification of passwords alone. */
export async function login(stage: Stage): Promise<Contest[]> {
  const { server, config } = stage
  const { memoryKiB: memoryCost, timeCost, parallelism } = argon2Cost(config)
  return [
    {
      what: `POST /auth/login, ${config.argon2Processes} argon2 processes`,
      ours: await overHttp(server.url, signIns(stage)),
      limits: { 'argon2 alone': argon2Alone(config.argon2Processes, { memoryCost, timeCost, parallelism }) },
      goals: { 'argon2 alone': 0.9 },
      turn: 1_400,
      // Until V8 has compiled what a sign-in runs: the first hundreds take a multiple of what they take for the rest of the day.
      warmUp: 60_000,
    },
  ]
}

/** Of each user at the same time. */
export const signIns = (stage: Pick<Stage, 'server' | 'app' | 'usernames'>): Exchange[] =>
  stage.usernames.map((username) => {
    const request = signIn(stage, username)
    return { request: () => request, accept: (answer) => void refreshTokenOf(answer) }
  })

function signIn({ server, app }: Pick<Stage, 'server' | 'app'>, username: string): string {
  const body = JSON.stringify({ client_id: app.id, username, password: PASSWORD })
  return post(`${server.url}/auth/login`, body, JSON_BODY)
}

/** Throws unless there are new tokens. */
export function refreshTokenOf(answer: Answer): string {
  const { access_token, refresh_token } = success(answer)
  if (typeof access_token === 'string' && typeof refresh_token === 'string') return refresh_token
  throw new Error(`No tokens:\n${answer.body}`)
}
