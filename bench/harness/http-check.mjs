import { request } from 'node:http'

const TIMEOUT_MS = 5_000

function fetchOnce({ port, method, headers, body }) {
  return new Promise((resolve, reject) => {
    const req = request(
      { host: '127.0.0.1', port, method, headers, agent: false, timeout: TIMEOUT_MS },
      (res) => {
        const chunks = []
        res.on('data', (chunk) => chunks.push(chunk))
        res.on('end', () => resolve({ status: res.statusCode, text: Buffer.concat(chunks).toString() }))
      },
    )
    req.on('timeout', () => req.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)))
    req.on('error', reject)
    req.end(body)
  })
}

/** Fails unless the contestant answers 200 with exactly these bytes. */
export async function checkAnswer(contestant, { headers = {}, body, expected }) {
  const method = body === undefined ? 'GET' : 'POST'
  const { status, text } = await fetchOnce({ port: contestant.port, method, headers, body })
  if (status === 200 && text === expected) return
  throw new Error(`${contestant.name} answered ${status} ${JSON.stringify(text.slice(0, 80))}`)
}
