// The vendor's example for JavaScript as it stands, but for the address and the key: node scenario.cjs <url> <key>.
const [base, apiKey] = process.argv.slice(2);
const url = `${base}/executions/get?pageNo=1&pageSize=10`;

fetch(url, {
  method: 'GET',
  headers: {
    Authorization: `Bearer ${apiKey}`,
  },
})
  .then((response) => response.json())
  .then((result) => {
    const executions = result.data.executions;
    console.log(JSON.stringify({ code: result.code, total: result.data.total }));
    executions.forEach((execution) => {
      console.log(JSON.stringify([execution.id, execution.status, execution.start_time]));
    });
  })
  .catch((error) => {
    console.error('Error:', error);
    process.exit(1);
  });
