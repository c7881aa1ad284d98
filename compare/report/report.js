// The page of compare report: a click on a column's name sorts its table by it, a second one the other way round.
// What a cell is sorted by is its data-v, or else its text; cells that have neither come last, either way.
'use strict';
(function () {
    function key(row, column) {
        var cell = row.cells[column];
        var text = cell === undefined ? '' : cell.dataset.v || cell.textContent.trim();
        return { missing: text === '' || (cell.dataset.v === undefined && /^(status|turns)/.test(cell.className)),
                 number: Number(cell === undefined ? NaN : cell.dataset.v), text: text };
    }
    function compare(a, b, sign) {
        if (a.missing !== b.missing) return a.missing ? 1 : -1;
        if (!isNaN(a.number) && !isNaN(b.number)) return sign * (a.number - b.number);
        return sign * a.text.localeCompare(b.text, 'en', { numeric: true });
    }
    function sort(table, column, sign) {
        var body = table.tBodies[0];
        var rows = Array.prototype.map.call(body.rows, function (row, i) {
            return { row: row, key: key(row, column), place: i };
        });
        rows.sort(function (a, b) { return compare(a.key, b.key, sign) || a.place - b.place; });
        rows.forEach(function (r) { body.appendChild(r.row); });
    }
    document.querySelectorAll('table.sortable').forEach(function (table) {
        Array.prototype.forEach.call(table.tHead.rows[0].cells, function (head, column) {
            var button = head.querySelector('button');
            if (!button) return;
            button.addEventListener('click', function () {
                var up = head.getAttribute('aria-sort') !== 'ascending';
                Array.prototype.forEach.call(table.tHead.rows[0].cells, function (h) { h.removeAttribute('aria-sort'); });
                head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
                sort(table, column, up ? 1 : -1);
            });
        });
    });
})();
