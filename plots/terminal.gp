# SPDX-License-Identifier: MIT
#
# Opens out.KIND, KIND being png or svg, of 1600 x 1000. Wants `crowded`: smaller marks.

if (kind eq 'png') {
    font_unit = 0.75; point_unit = crowded ? 0.9 : 1.1; dash_unit = 1.2; tick_lift = 0
    set terminal pngcairo size 1600,1000 font font(normal) noenhanced background 'white' butt dashlength dash_unit
    set output out.'.png'
} else {
    # This terminal knows bold letters in enhanced text only, which would change names, and draws a plus too thin.
    font_unit = 1.0; point_unit = crowded ? 0.3 : 0.36; dash_unit = 0.7; tick_lift = 0.45
    set terminal svg size 1600,1000 font font(normal) noenhanced background 'white' butt dashlength dash_unit
    set output "| sed -e 's/:Bold\"/\" font-weight=\"bold\"/' -e \"/id='gpPt[012]'/s/stroke-width='[0-9.]*'/stroke-width='0.3'/\" > " \
        .shell(out.'.svg')
}
