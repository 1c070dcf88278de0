process.env.HEDDLE_BACKEND = 'native'
await import('./heddle-server.mjs')
