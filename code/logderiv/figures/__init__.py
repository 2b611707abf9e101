"""What the notebooks draw; each imports the figures of its chapter.

    from logderiv.figures import sampling as figures

Data in, figure out. A still is a picture (matplotlib). A figure with sliders
is data and formulas (Vega-Lite), which JupyterLab draws by itself and the site
draws when it is built. Its formulas are written in Vega's expressions; each
says the same as a function of the course, and is tested against it.

Files, from the figures down:

    identity                  chapter 1: slopes and scores
    expectation               chapter 2: gradients of averages
    sampling                  chapter 3: estimators and their variances
    reinforce                 chapter 4: weights and learning curves
    plot, parts               what stills, and those with sliders, are made of
    listing                   code on the page
    words, phone              a still in words, and for a phone
    palette                   the colours of all
"""
