process.env.HEDDLE_BACKEND = 'js'
await import('./heddle-server.mjs')
