/** The page at `/`: what this is, where to click, and numbers that a small script keeps current. */
export const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Heddle example server</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem; color: #222 }
  h1 { font-weight: 600; margin-bottom: 0 }
  code, td:last-child { font-family: ui-monospace, monospace; font-size: 0.9em }
  table { border-collapse: collapse; margin: 1.5rem 0 }
  td { padding: 0.2rem 1.5rem 0.2rem 0; border-bottom: 1px solid #ddd }
  td:last-child { text-align: right; padding-right: 0 }
  #state { color: #666 }
</style>
</head>
<body>
<h1>Heddle</h1>
<p>An event system for Node servers: a native event loop, TCP and HTTP behind one crossing into JavaScript per loop
pass. This page comes from its HTTP server.</p>
<ul>
  <li><a href="/hello">/hello</a>: a short answer</li>
  <li><code>POST /echo</code>: sends your body back, for example
    <code>curl --data hi <span id="origin"></span>/echo</code></li>
  <li><a href="/eventer/sockets.json">/eventer/sockets.json</a>: listeners, connections and watched descriptors</li>
  <li><a href="/eventer/timers.json">/eventer/timers.json</a>: timers that are waiting</li>
  <li><a href="/memory.json">/memory.json</a>: what the native core has allocated, by memtype</li>
  <li><a href="/stats.json">/stats.json</a>: the numbers below</li>
</ul>
<table id="numbers"></table>
<p id="state"></p>
<script>
  const cell = (row, text) => row.insertCell().append(String(text))
  document.getElementById('origin').append(location.origin)
  async function refresh() {
    try {
      const stats = await (await fetch('/stats.json')).json()
      const table = document.createElement('table')
      table.id = 'numbers'
      for (const [name, value] of Object.entries(stats)) {
        const row = table.insertRow()
        cell(row, name)
        cell(row, value)
      }
      document.getElementById('numbers').replaceWith(table)
      document.getElementById('state').textContent = ''
    } catch {
      document.getElementById('state').textContent = 'The server does not answer.'
    }
  }
  refresh()
  setInterval(refresh, 1000)
</script>
</body>
</html>
`
