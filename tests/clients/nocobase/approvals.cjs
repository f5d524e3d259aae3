// One applies, the other approves: sent back, sent again, approved; and one that is withdrawn.
const assert = require('node:assert/strict');

module.exports = async (kit) => {
  await kit.signIn();
  const { api, data } = kit;
  const hers = kit.client();
  const ann = await kit.signIn('ann', hers);
  const flow = await kit.flow('Orders to approve', [['approval', { assignees: [ann.id], allowReturn: true }]], {
    type: 'approval', config: { collection: 'shop.Order', timing: 'after' },
  });
  await api.resource('workflows').update({ filterByTk: flow.id, values: { enabled: true } });
  const customer = data(await api.resource('shop.Customer').create({ values: { name: 'Whoever orders' } }));
  const order = { customer: customer.id, status: 'new', total: 5, placed_at: '2024-01-01T00:00:00Z' };

  const approvals = api.resource('approvals');
  const records = hers.resource('approvalRecords');
  const asked = async () => {
    await kit.work();
    return data(await records.listMine({ filter: { decidedAt: null, 'workflow.key': flow.key } }))[0];
  };
  const draft = data(await approvals.create({ values: { collectionName: 'shop.Order', workflowId: flow.id, data: order, status: 0 } }));
  assert.equal(draft.status, 0);
  assert.equal(await asked(), undefined);
  assert.equal(data(await approvals.update({ filterByTk: draft.id, values: { data: order, status: 2 } }))[0].status, 2);
  const first = await asked();
  assert.equal(first.status, 0);
  await kit.fails(400, records.submit({ filterByTk: first.id, values: { status: 7 } }));
  await kit.fails(404, api.resource('approvalRecords').submit({ filterByTk: first.id, values: { status: 2 } }));
  assert.equal(data(await records.return({ filterByTk: first.id, values: { comment: 'Once more' } })).comment, 'Once more');
  await kit.work();
  assert.equal(data(await approvals.get({ filterByTk: draft.id })).status, 1);

  await approvals.update({ filterByTk: draft.id, values: { data: { ...order, total: 4 }, status: 2 } });
  const second = await asked();
  assert.equal(data(await records.submit({ filterByTk: second.id, values: { status: 2, comment: 'Fine' } })).status, 2);
  await kit.work();
  const approved = data(await approvals.get({ filterByTk: draft.id, appends: ['createdBy'] }));
  assert.equal(approved.status, 4);
  assert.ok(approved.createdBy.username && !('password' in approved.createdBy));
  await kit.fails(400, approvals.withdraw({ filterByTk: draft.id }));

  const other = data(await approvals.create({ values: { workflowKey: flow.key, data: order } }));
  await kit.work();
  assert.equal(data(await approvals.withdraw({ filterByTk: other.id })).status, 6);
  const mine = data(await approvals.listMine({ sort: ['-id'], pageSize: 2 }));
  assert.deepEqual(mine.map((row) => row.id), [other.id, draft.id]);
  await kit.fails(400, approvals.create({ values: { workflowId: 'none', data: order } }));
  assert.equal(data(await hers.resource('approvals').get({ filterByTk: draft.id })), null);
};
