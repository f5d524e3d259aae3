// Pages, sorts, columns and filters of every kind, and what is wrong with them.
const assert = require('node:assert/strict');

const FOUND = (ids) => [
  [{ status: 1 }, ids],
  [{ status: '1' }, ids],
  [{ status: null }, []],
  [{ status: [0, 1] }, ids],
  [{ status: { $in: [0] } }, []],
  [{ status: { $ne: 1 } }, []],
  [{ reason: { $ne: 'timeout' } }, ids],
  [{ reason: { $not: 'timeout' } }, []],
  [{ $not: { status: 1 } }, []],
  [{ id: { $gt: ids[0], $lte: ids[2] } }, [ids[1], ids[2]]],
  [{ id: { $between: [ids[1], ids[2]] } }, [ids[1], ids[2]]],
  [{ id: { $notIn: ids.slice(1) } }, [ids[0]]],
  [{ $or: [{ id: ids[0] }, { 'id.$eq': ids[3] }] }, [ids[0], ids[3]]],
  [{ $and: [{ id: { $gte: ids[1] } }, { context: { number: { $lt: 3 } } }] }, [ids[1], ids[2]]],
  [{ 'context.number': 2 }, [ids[2]]],
  [{ 'workflow.title.$includes': 'ASK & = %' }, ids],
  [{ workflow: { title: { $startsWith: 'to ask' }, enabled: { $isFalsy: true } } }, ids],
  [{ workflow: { nodes: { type: 'calculation' } } }, ids],
  [{ 'jobs.status': 1 }, ids],
  [{ 'jobs.$exists': true }, ids],
  [{ 'jobs.id.$notExists': true }, []],
  [{ reason: { $empty: true }, title: { $notEmpty: true } }, ids],
  [{ title: { $like: 'To ask%' } }, ids],
  [{ title: { $endWith: ['%', 'never'] } }, ids],
  [{ title: { $notIncludes: ['ask', 'never'] } }, []],
  [{ tags: { $anyOf: ['a'] } }, []],
  [{ tags: { $arrayEmpty: true } }, ids],
  [{ createdAt: { $dateOn: { type: 'today' } } }, ids],
  [{ createdAt: { $dateOn: '{{$nDate.today}}' } }, ids],
  [{ createdAt: { $dateBefore: '2020' } }, []],
  [{ createdAt: { $dateBetween: ['2020-01-01', '2199-12-31'] } }, ids],
  [{ createdAt: { $dateAfter: '2020-01-01T00:00:00Z' } }, ids],
  [{ createdById: '{{$user.id}}' }, ids],
];

const WRONG = [
  { filter: { nothing: 1 } },
  { filter: { 'workflow.nothing': 1 } },
  { filter: { status: { $nothing: 1 } } },
  { filter: { createdAt: { $dateOn: 'never' } } },
  { filter: { id: '{{$nothing}}' } },
  { filter: '{' },
  { sort: 'nothing' },
  { sort: ['jobs.id'] },
  { fields: ['nothing'] },
  { page: 0 },
  { pageSize: 'many' },
];

module.exports = async (kit) => {
  await kit.signIn();
  const { api, data } = kit;
  const executions = api.resource('executions');
  const flow = await kit.flow('To ask & = %', [['calculation', { engine: 'math.js', expression: '1 + 2' }]]);
  const ids = [];
  for (let number = 0; number < 4; number += 1) ids.push((await kit.execute(flow, { number })).id);

  for (const [filter, found] of FOUND(ids)) {
    const rows = data(await executions.list({ filter: { $and: [{ key: flow.key }, filter] }, sort: ['id'], fields: ['id'] }));
    assert.deepEqual(rows.map((row) => row.id), found, JSON.stringify(filter));
  }
  for (const params of WRONG) await kit.fails(400, executions.list(params));
  assert.match((await kit.fails(400, executions.list({ filter: { nothing: 1 } })))[0], /nothing/);

  const page = async (params) => (await executions.list({ sort: '-id', fields: 'id', filter: { key: flow.key }, ...params })).data;
  assert.deepEqual(await page({ page: 2, pageSize: 3 }), { data: [{ id: ids[0] }], meta: { count: 4, page: 2, pageSize: 3, totalPage: 2 } });
  assert.deepEqual((await page({ page: 9 })).data, []);
  assert.equal((await page({ paginate: false })).meta, undefined);
  // As the dropdown of the canvas goes from one to the next.
  assert.deepEqual((await page({ filter: { key: flow.key, id: { $lt: ids[2] } }, pageSize: 10 })).data.map((row) => row.id), [ids[1], ids[0]]);
  assert.deepEqual((await page({ filter: { key: flow.key, id: { $gt: ids[2] } }, sort: 'id' })).data.map((row) => row.id), [ids[3]]);

  const [row] = (await page({ fields: undefined, except: ['context', 'output', 'stack'] })).data;
  assert.ok(!('context' in row) && 'reason' in row);
  const shown = data(await executions.get({ filterByTk: ids[0], fields: ['id'], appends: ['workflow.title', 'jobs.status', 'workflow.versionStats.executed', 'nothing'], except: ['nothing'] }));
  assert.equal(shown.workflow.versionStats.executed, 4);
  assert.deepEqual(shown.jobs, [{ status: 1 }]);
  const job = data(await api.resource('jobs').list({ filter: { executionId: ids[0] }, appends: ['execution.id', 'node.title', 'upstream'] }))[0];
  assert.deepEqual([job.execution, job.node, job.upstream, job.result], [{ id: ids[0] }, { title: 'calculation' }, null, 3]);

  // Filters in brackets, addresses without an action, and inside a workflow.
  const bracketed = await api.request({ url: 'workflows:list', params: { paginate: false, filter: { title: { $includes: ['& ='] }, enabled: false } } });
  assert.ok(data(bracketed).some((each) => each.id === flow.id) && data(bracketed).every((each) => each.title === flow.title));
  assert.equal((await api.request({ url: `workflows/${flow.id}/executions`, params: { pageSize: 1 } })).data.meta.count, 4);
  assert.equal((await api.resource('workflows.executions', flow.id).list({ filter: { id: ids[1] } })).data.meta.count, 1);
  assert.ok(data(await api.request({ resource: 'executions', action: 'list', params: { page: 1 } })).length >= 4);
  const elsewhere = await api.resource('workflows.nodes').list();
  assert.deepEqual(data(elsewhere), []);
  assert.equal(data(await executions.get({ filterByTk: 'no number' })), null);
  await kit.fails(404, api.resource('executions').nothing());

  // The language and the zone of the request.
  api.auth.setLocale('zh-CN');
  assert.match((await kit.fails(400, executions.list({ sort: 'nothing' })))[0], /[\u4e00-\u9fff]/);
  api.auth.setLocale('en-US');
  const near = api.resource('executions', null, { 'X-Timezone': 'Berlin' });
  await kit.fails(400, near.list());
};
