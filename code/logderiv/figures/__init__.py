"""What the notebooks draw. They alone import it, the figures of their chapter:

    from logderiv.figures import sampling as figures

A still is data in, picture out; a figure with sliders is data and formulas,
which JupyterLab draws by itself and the site draws when it is built.

Files, from the figures down:

    identity                  chapter 1: slopes and scores
    expectation               chapter 2: gradients of averages
    sampling                  chapter 3: estimators and their variances
    reinforce                 chapter 4: weights and learning curves
    plot, parts, listing      a still, with panels; a figure with sliders; code
    words, palette            what a still says in words; colours
"""
