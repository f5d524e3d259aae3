// Two people: one who builds, one who is asked and may do nothing else.
const assert = require('node:assert/strict');

module.exports = async (kit) => {
  const admin = await kit.signIn();
  const { api, data } = kit;
  const hers = kit.client();
  const ann = await kit.signIn('ann', hers);
  const form = { type: 'custom', title: 'Your view', actions: [{ key: 'save', status: 0 }, { key: 'yes', status: 1 }, { key: 'no', status: -5 }] };
  const manual = ['manual', { assignees: [ann.id], forms: { f: form } }];
  const flow = await kit.flow('Ask Ann', [manual, ['cc', { users: [ann.id], title: 'For Ann' }]]);
  const runs = [await kit.execute(flow), await kit.execute(flow)];
  await kit.work();

  const roles = data(await hers.request({ url: 'roles:check' }));
  assert.deepEqual([roles.role, roles.allowAll, roles.allowConfigure], ['member', false, false]);
  for (const call of [
    () => hers.resource('workflows').list(),
    () => hers.resource('workflows').create({ values: { type: 'manual' } }),
    () => hers.resource('executions').get({ filterByTk: runs[0].id }),
    () => hers.resource('executions').cancel({ filterByTk: runs[0].id }),
    () => hers.resource('workflowManualTasks').list(),
    () => hers.resource('shop.Customer').list(),
  ]) {
    assert.deepEqual(await kit.fails(403, call()), ['No permissions']);
  }

  const [badge] = data(await hers.resource('userWorkflowTasks').listMine({ filter: { type: ['manual'] } }));
  assert.deepEqual(badge.stats, { pending: 2, all: 2 });
  const stats = await hers.resource('userWorkflowTaskStats').listMine({ page: 1, pageSize: 20, type: 'manual', search: 'ann' });
  assert.deepEqual(stats.data, {
    data: [{ workflowKey: flow.key, title: 'Ask Ann', stats: { pending: 2, all: 2 } }], meta: { page: 1, pageSize: 20, hasNext: false },
  });

  const tasks = hers.resource('workflowManualTasks');
  const mine = async (params) => tasks.listMine({
    page: 1, pageSize: 1, sort: ['-createdAt'], filter: { status: 0, 'workflow.key': flow.key }, ...params,
    appends: ['node.id', 'node.title', 'job.id', 'job.status', 'job.result', 'workflow.id', 'workflow.title', 'execution.id', 'execution.status'],
    except: ['node.config', 'workflow.config', 'workflow.options'],
  });
  const first = await mine();
  assert.deepEqual(first.data.meta, { hasNext: true, page: 1, pageSize: 1 });
  const [task] = data(first);
  assert.deepEqual([task.node.title, task.workflow.title, task.execution.status], ['manual', 'Ask Ann', 0]);
  const popup = data(await tasks.get({ filterByTk: task.id, appends: ['node', 'job', 'workflow', 'workflow.nodes', 'execution', 'execution.jobs'] }));
  assert.equal(popup.node.config.forms.f.title, 'Your view');

  const submit = (result, of = tasks) => of.submit({ filterByTk: task.id, values: { result } });
  await kit.fails(403, submit({ f: {}, _: 'yes' }, api.resource('workflowManualTasks')));
  await kit.fails(400, submit({ f: {} }));
  await kit.fails(400, submit({ f: {}, _: 'never' }));
  await kit.fails(404, tasks.submit({ filterByTk: 999999999, values: { result: { f: {}, _: 'yes' } } }));
  assert.equal(data(await submit({ f: { note: 'a draft' }, _: 'save' })).status, 0);
  assert.equal((await kit.run(task.executionId)).status, 0);
  const done = await submit({ f: { note: 'fine' }, _: 'yes' });
  assert.deepEqual([done.status, data(done).status], [202, 1]);
  await kit.work();
  const run = await kit.run(task.executionId);
  assert.deepEqual([run.status, run.jobs[0].result], [1, { f: { note: 'fine' }, _: 'yes' }]);
  await kit.fails(400, submit({ f: {}, _: 'yes' }));
  const [other] = data(await mine());
  await tasks.submit({ filterByTk: other.id, values: { result: { f: {}, _: 'no' } } });
  await kit.work();
  assert.equal((await kit.run(other.executionId)).status, -5);

  const copies = hers.resource('workflowCcTasks');
  const [copy] = data(await copies.listMine({ filter: { status: 0 } }));
  assert.equal(copy.title, 'For Ann');
  assert.ok(data(await copies.read({ filterByTk: copy.id }))[0].readAt);
  assert.equal(data(await copies.unread({ filterByTk: copy.id }))[0].readAt, null);
  await kit.fails(403, api.resource('workflowCcTasks').read({ filterByTk: copy.id }));

  // Roles are her own, and the token ends when she signs out: in every client that has it.
  hers.auth.setRole('root');
  await kit.fails(401, hers.resource('userWorkflowTasks').listMine(), 'ROLE_NOT_FOUND_FOR_USER');
  hers.auth.setRole('member');
  const copied = kit.client();
  copied.auth.setToken(hers.auth.token);
  assert.equal(data(await copied.request({ url: 'auth:check' })).username, 'ann');
  await hers.auth.signOut();
  await kit.fails(401, copied.resource('userWorkflowTasks').listMine(), 'BLOCKED_TOKEN');
  await kit.fails(401, hers.resource('userWorkflowTasks').listMine(), 'EMPTY_TOKEN');
  copied.auth.setToken('nonsense');
  await kit.fails(401, copied.request({ url: 'auth:check' }), 'INVALID_TOKEN');
  assert.equal(data(await api.request({ url: 'auth:check' })).id, admin.id);
  await kit.signIn('ann', hers);
};
