% rebase("base", title="Assets")
<h1>Assets of {{site_name}}</h1>
<table>
<thead><tr><th>Id</th><th>Name</th><th>Site</th><th>Status</th><th>Value</th></tr></thead>
<tbody>
% for asset in assets:
<tr{{!' class="insured"' if asset["insured"] else ""}}>
<td>{{asset["id"]}}</td>
<td><a href="/api/assets/{{asset["id"]}}">{{asset["name"]}}</a></td>
<td>{{asset["site"]}}</td>
<td>{{asset["status"]}}</td>
<td>{{"%.2f" % (asset["value_cents"] / 100)}}</td>
</tr>
% end
</tbody>
</table>
<footer>{{len(assets)}} assets</footer>
