// What is done to executions: cancel, pause, resume, rerun, finish a job, look at what was done, destroy.
const assert = require('node:assert/strict');

module.exports = async (kit) => {
  await kit.signIn();
  const { api, data } = kit;
  const executions = api.resource('executions');
  const sum = ['calculation', { engine: 'math.js', expression: '1 + 2' }];
  const wait = ['delay', { duration: 1, unit: 3600000 }];
  const flow = await kit.flow('Lives', [sum, wait]);
  const ids = [];
  for (let number = 0; number < 5; number += 1) ids.push((await kit.execute(flow, { number })).id);
  const [cancelled, again, over, finished, paused] = ids;
  const statuses = async (id) => (await kit.run(id)).jobs.map((job) => job.status);

  const ended = data(await executions.cancel({ filterByTk: cancelled }));
  assert.deepEqual([ended.status, ended.reason, ended.jobs.map((job) => job.status)], [-3, 'manual_cancel', [1, -3]]);
  await kit.fails(400, executions.cancel({ filterByTk: cancelled }));
  await kit.fails(400, executions.cancel({}));
  await kit.fails(404, executions.cancel({ filterByTk: 999999999 }));

  assert.ok(data(await executions.pause({ filterByTk: paused })).pausedAt);
  await kit.fails(400, executions.pause({ filterByTk: paused }));
  assert.equal(data(await executions.resume({ filterByTk: paused })).pausedAt, null);
  await kit.fails(400, executions.resume({ filterByTk: paused }));

  // From a node, with a further job; with "overwrite" in the one that there is; of an ended one a new execution.
  assert.equal((await executions.rerun({ filterByTk: again, values: { nodeId: flow.nodes[0].id } })).status, 202);
  await executions.rerun({ filterByTk: over, values: { nodeId: flow.nodes[0].id, overwrite: true } });
  const fresh = data(await executions.rerun({ filterByTk: cancelled, values: {} }));
  await kit.work();
  assert.deepEqual(await statuses(again), [1, -3, 1, 0]);
  assert.deepEqual(await statuses(over), [1, -3, 0]);
  assert.deepEqual([fresh.rerunOfId, fresh.attempt, await statuses(fresh.id)], [cancelled, 2, [1, 0]]);
  assert.equal((await kit.run(cancelled)).status, -3);
  await kit.fails(404, executions.rerun({ filterByTk: 999999999, values: {} }));
  await kit.fails(400, executions.rerun({ filterByTk: again, values: { nodeId: 999999999 } }));
  await kit.fails(400, executions.rerun({ filterByTk: again, values: { overwrite: 'yes' } }));

  const [, pending] = (await kit.run(finished)).jobs;
  const jobs = api.resource('jobs');
  assert.equal((await jobs.resume({ filterByTk: pending.id, values: { status: 1, result: { by: 'hand' } } })).status, 202);
  await kit.work();
  assert.equal((await kit.run(finished)).status, 1);
  assert.deepEqual(data(await jobs.get({ filterByTk: pending.id })).result, { by: 'hand' });
  await kit.fails(400, jobs.resume({ filterByTk: pending.id, values: { status: 1 } }));
  await kit.fails(404, jobs.resume({ filterByTk: 999999999, values: {} }));

  const failing = await kit.flow('Fails', [['calculation', { engine: 'math.js', expression: '{{$context.text}} * 2' }]]);
  const broken = await kit.execute(failing, { text: 'words' });
  assert.ok(broken.status < 0);
  const lines = async (level) => data(await executions.logs({ filterByTk: broken.id, level }));
  for (const line of await lines()) {
    assert.deepEqual(Object.keys(line).sort(), ['executionId', 'level', 'message', 'nodeId', 'timestamp']);
  }
  assert.ok((await lines('ERROR')).length < (await lines('DEBUG')).length);
  assert.ok((await lines('ERROR')).every((line) => line.level === 'ERROR'));
  await kit.fails(400, executions.logs({ filterByTk: broken.id, level: 'LOUD' }));
  const graph = data(await executions.graph({ filterByTk: finished }));
  assert.deepEqual(graph.edges.map((edge) => edge.kind), ['sequence']);
  assert.deepEqual(graph.nodes.map((node) => node.status), [1, 1]);
  const times = data(await executions.timeline({ filterByTk: finished }));
  assert.deepEqual(times.jobs.map((job) => job.title), ['calculation', 'delay']);
  const [first] = (await kit.run(finished)).jobs;
  assert.deepEqual([first.input.expression, first.result, first.status], ['1 + 2', 3, 1]);

  // What has not ended is spared.
  assert.equal(data(await executions.destroy({ filterByTk: [again, finished] })), 1);
  assert.equal(data(await executions.destroy({ filter: { key: failing.key } })), 1);
  await kit.fails(400, executions.destroy({}));
  await kit.fails(400, executions.destroy({ filter: {} }));
  assert.equal(data(await executions.destroy({ filter: { key: flow.key } })), 1);
  const left = await executions.list({ filter: { key: flow.key }, sort: 'id' });
  assert.deepEqual(data(left).map((row) => row.id), [again, over, paused, fresh.id]);
  assert.equal(data(await api.resource('workflows').destroy({ filterByTk: flow.id })), 1);
  // Their records stay, without their workflow.
  assert.equal(data(await executions.get({ filterByTk: again, appends: ['workflow'] })).workflow, null);
};
